// The parts of the container runtime that need no engine: what is asked for, how a log is taken apart, which addresses are free, what the kernel says.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type IdPrefix, type ImageId, makeId } from '../../../domain/ids.ts';
import { defaultLimits } from '../../../domain/plan.ts';
import { EngineRefusal } from '../../engine/stream.ts';
import { addressIn, cgroupOfPid, groupsIn, upperIn } from './container-place.ts';
import { type ContainerAsk, containerBody, exitOf, isOwnInit, rootCapabilities } from './container-spec.ts';
import { type LogMessage, logFrames, sinceOf } from './log-frames.ts';
import { freeSubnets, routesOf } from './networks.ts';
import { startRefused } from './start-refused.ts';

const idOf = <P extends IdPrefix>(prefix: P) => makeId(prefix, 1, new Uint8Array(16));
const asked: ContainerAsk = {
  ...{ node: idOf('nod'), app: idOf('app'), instance: idOf('ins'), image: `sha256:${'a'.repeat(64)}` as ImageId },
  ...{ argv: [], env: { A: 'b=c' }, user: null, groups: [], isConfined: false, isOwnInit: false, network: 'n1' },
  mounts: [{ from: '/home/v', to: '/app/data' }],
  limits: { ...defaultLimits, cpus: 0.5 },
};

test('a container is asked for with every limit, and nothing published', () => {
  assert.deepEqual(containerBody(asked), {
    Image: asked.image,
    Env: ['A=b=c'],
    Labels: { 'io.lockstep.node': asked.node, 'io.lockstep.app': asked.app, 'io.lockstep.instance': asked.instance },
    HostConfig: {
      NetworkMode: 'n1',
      RestartPolicy: { Name: 'no' },
      Init: true,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
      CapDrop: ['ALL'],
      CapAdd: [...rootCapabilities],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: false,
      Mounts: [{ Type: 'bind', Source: '/home/v', Target: '/app/data' }],
      Memory: 512 * 2 ** 20,
      MemorySwap: 512 * 2 ** 20,
      CpuShares: 1024,
      NanoCpus: 5e8,
      PidsLimit: 256,
      Ulimits: [
        { Name: 'nofile', Soft: 8192, Hard: 8192 },
        { Name: 'fsize', Soft: 2 ** 30, Hard: 2 ** 30 },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
    },
  });
});

test('what differs: a command comes instead of the entrypoint, our own images have no capability and nothing to write', () => {
  const body = (more: Partial<ContainerAsk>) => containerBody({ ...asked, ...more }) as Record<string, unknown>;
  const host = (more: Partial<ContainerAsk>) => body(more).HostConfig as Record<string, unknown>;
  const { Entrypoint, Cmd } = body({ argv: ['/bin/sh', '-c', 'x'] });
  assert.deepEqual([Entrypoint, Cmd], [['/bin/sh'], ['-c', 'x']]);
  assert.equal(body({ user: '60000:60000' }).User, '60000:60000');
  const { CapAdd, ReadonlyRootfs } = host({ isConfined: true });
  assert.deepEqual([CapAdd, ReadonlyRootfs], [[], true]);
  assert.equal(host({ isOwnInit: true }).Init, false);
  assert.equal('NanoCpus' in host({ limits: defaultLimits }), false);
});

test('a first process that stands no other before it is known by its name', () => {
  const check = (argv: string[], expected: boolean) => assert.equal(isOwnInit(argv), expected, argv.join(' '));
  for (const program of ['/init', '/sbin/init', '/lib/systemd/systemd', '/sbin/my_init', '/bin/s6-svscan'])
    check([program], true);
  for (const argv of [[], ['nginx', '-g', 'daemon off;'], ['/app/init'], ['tini', '--']]) check(argv, false);
});

test('an exit code above 128 is a signal, as a shell tells it', () => {
  assert.deepEqual([0, 1, 127, 137, 143, 255].map(exitOf), [
    { code: 0, signal: null },
    { code: 1, signal: null },
    { code: 127, signal: null },
    { code: null, signal: 'SIGKILL' },
    { code: null, signal: 'SIGTERM' },
    { code: 255, signal: null },
  ]);
});

const frame = (text: string, stream = 1): Buffer => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

test('a log is the same however it is cut', () => {
  const at = '2026-01-02T03:04:05.123456789Z';
  const whole = Buffer.concat([frame(`${at} one\n`), frame(`${at} `, 2), frame(`${at} ü two\n`, 2)]);
  const read = (pieces: readonly Buffer[]) => {
    const said: [number, string, string][] = [];
    const push = logFrames(({ stream, at: when, bytes }: LogMessage) => said.push([stream, when, bytes.toString()]));
    for (const piece of pieces) push(piece);
    return said;
  };
  const expected = [
    [1, at, 'one\n'],
    [2, at, ''],
    [2, at, 'ü two\n'],
  ];
  for (let size = 1; size <= whole.length; size += 1) {
    const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
      whole.subarray(index * size, (index + 1) * size),
    );
    assert.deepEqual(read(pieces), expected, String(size));
  }
  assert.throws(() => read([Buffer.from('HTTP/1.1 200 OK')]), /not known/);
  assert.throws(() => read([frame('without\n')]), /without times/);
});

test('a moment is given back to the engine to the nanosecond', () => {
  assert.equal(sinceOf('2026-01-02T03:04:05.1Z'), '1767323045.100000000');
  assert.equal(sinceOf('2026-01-02T03:04:05Z'), '1767323045.000000000');
  for (const text of ['', 'x', '2026-01-02', '2026-01-02T03:04:05+02:00']) assert.equal(sinceOf(text), null, text);
});

test('free addresses overlap with nothing that is routed or taken', () => {
  const table =
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\nbr\t000012C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\n';
  assert.deepEqual(routesOf(table), ['198.18.0.0/24']);
  assert.deepEqual([...freeSubnets([]).take(2)], ['198.18.0.0/28', '198.18.0.16/28']);
  assert.deepEqual([...freeSubnets([...routesOf(table), '198.18.1.0/28', 'fe80::/64']).take(1)], ['198.18.1.16/28']);
  assert.equal([...freeSubnets([])].at(-1), '198.19.255.240/28');
  assert.deepEqual([...freeSubnets(['198.0.0.0/8'])], []);
});

test('the kernel says where a process is', () => {
  assert.deepEqual(groupsIn('12:cpu,cpuacct:/docker/ab\n3:memory:/docker/ab\n1:name=systemd:/\n0::/x\n'), [
    ['cpu', '/docker/ab'],
    ['cpuacct', '/docker/ab'],
    ['memory', '/docker/ab'],
    ['name=systemd', '/'],
  ]);
  const trie = [
    ...['Local:', '  +-- 0.0.0.0/0 3 0 5', '     |-- 127.0.0.1', '        /32 host LOCAL', '     |-- 172.18.0.0'],
    ...['        /16 link UNICAST', '     |-- 172.18.0.2', '        /32 host LOCAL'],
  ];
  assert.equal(addressIn(trie.join('\n')), '172.18.0.2');
  assert.equal(addressIn(trie.slice(0, 4).join('\n')), null);
  const root =
    '9 1 0:4 / / rw,relatime - overlay overlay rw,lowerdir=/d/l/A:/d/l/B,upperdir=/d/x/diff,workdir=/d/x/work';
  assert.equal(upperIn(`8 9 0:5 / /proc rw - proc proc rw\n${root}`), '/d/x/diff');
  assert.equal(upperIn(root.replace('upperdir=/d/', 'upperdir=')), null);
  assert.equal(upperIn('9 1 0:4 / / rw - ext4 /dev/sda rw,upperdir=/x'), null);
});

test('a start that the engine refuses is told in words', () => {
  const check = (message: string, expected: RegExp) =>
    assert.match(startRefused(new EngineRefusal(400, message), ['/x']).message, expected);
  check('exec: "/x": stat /x: no such file or directory: unknown', /command was not found in the image: \/x/);
  check('exec: "/x": permission denied: unknown', /may not be executed/);
  check('exec /x: exec format error', /no program of this kind/);
  check('unable to find user web: no matching entries in passwd file', /user that the image names/);
  check('No command specified', /no command of its own/);
  check('something\u0007 else', /did not start it: something/);
});

test('of a process that has just ended the group is never the whole machine', async () => {
  // Its parent does not ask how it ended, so it stays as it is.
  const program =
    'import os, time\nchild = os.fork()\nif child == 0: os._exit(0)\nprint(child, flush=True)\ntime.sleep(60)';
  const parent = spawn('/usr/bin/python3', ['-c', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const pid = Number(
      await new Promise((resolve) => parent.stdout.once('data', (line) => resolve(String(line).trim()))),
    );
    const isOver = () => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    for (const limit = performance.now() + 10_000; !isOver() && performance.now() < limit; ) await pause(5);
    assert.ok(isOver());
    for (const folder of Object.values(cgroupOfPid(pid)?.dirs ?? {}))
      assert.doesNotMatch(folder, /^\/sys\/fs\/cgroup(?:\/[^/]*)?\/?$/);
  } finally {
    parent.kill('SIGKILL');
  }
});
