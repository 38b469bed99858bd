import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { developerEngine } from './developer-engine.ts';

const none = () => false;

test('what the environment names goes before the context, and the context before the usual sockets', () => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-engine-'));
  try {
    const docker = join(home, '.docker');
    const put = (name: string, host: string): void => {
      const folder = join(docker, 'contexts', 'meta', createHash('sha256').update(name).digest('hex'));
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
    };
    put('colima', 'unix:///home/ann/.colima/docker.sock');
    put('far', 'ssh://ann@far.example');
    writeFileSync(join(docker, 'config.json'), JSON.stringify({ currentContext: 'colima' }));
    const socket = (env: Record<string, string>) => developerEngine({ HOME: home, ...env }, none).socket;
    assert.equal(socket({}), '/home/ann/.colima/docker.sock');
    assert.equal(socket({ DOCKER_CONTEXT: 'default' }), '/var/run/docker.sock');
    assert.equal(socket({ DOCKER_HOST: 'unix:///run/user/7/docker.sock' }), '/run/user/7/docker.sock');
    assert.equal(socket({ DOCKER_HOST: 'tcp://10.0.0.1:2375', LOCKSTEP_ENGINE: '/run/x.sock' }), '/run/x.sock');
    for (const [env, said] of [
      [{ DOCKER_HOST: 'tcp://10.0.0.1:2375' }, /DOCKER_HOST names tcp:/],
      [{ DOCKER_CONTEXT: 'far' }, /the docker context "far" names ssh:/],
      [{ DOCKER_CONTEXT: '../../etc' }, /the docker context "\.\.\/\.\.\/etc" is not there/],
    ] as const) {
      const found = developerEngine({ HOME: home, ...env }, none);
      assert.ok(found.socket === null && said.test(found.why), JSON.stringify(found));
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test('without a word the first usual socket that is there is taken, else the usual one', () => {
  const env = { HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/7' };
  const check = (there: string[], expected: string) =>
    assert.equal(developerEngine(env, (path) => there.includes(path)).socket, expected);
  check([], '/var/run/docker.sock');
  check(['/run/user/7/docker.sock', '/home/ann/.docker/run/docker.sock'], '/run/user/7/docker.sock');
  check(['/home/ann/.docker/desktop/docker.sock'], '/home/ann/.docker/desktop/docker.sock');
  check(['/var/run/docker.sock', '/run/user/7/docker.sock'], '/var/run/docker.sock');
});
