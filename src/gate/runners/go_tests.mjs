// go test, a part of go.mjs: what each test and package came to, with what those said that did not pass, and coverage.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { go, here, lastWords, reports, spec, workOf } from './go_asked.mjs';

/** Of one test, and of all that is kept. */
const testBytes = 16 * 1024;
const eventBytes = 8 * 1024 * 1024;

/**
 * Paths are trimmed so that a copy elsewhere finds what is compiled. Tests that ask where their own source lies (for what they
 * are fed with, beside it) get the real place: a trimmed one leads nowhere.
 */
function flagsOf(module) {
  const flags = process.env.GOFLAGS ?? '';
  const isAsked = (name) =>
    name.endsWith('_test.go') && /\bruntime\.Callers?\(/.test(readFileSync(join(here, module.folder, name), 'utf8'));
  const names = readdirSync(join(here, module.folder), { recursive: true });
  return names.some(isAsked) ? { GOFLAGS: flags.replace(/(?:^|\s)-trimpath(?=\s|$)/, '').trim() } : {};
}

export async function ask() {
  const events = openSync(join(reports, 'tests.json'), 'w');
  const ends = [];
  let cover = '';
  let written = 0;
  for (const module of spec.modules) {
    const profile = join(reports, 'one.out');
    rmSync(profile, { force: true });
    const which = module.only
      ? ['-run', module.only.run, ...module.only.packages]
      : [`-coverprofile=${profile}`, './...'];
    const argv = ['test', '-json', '-count=1', '-vet=off', ...which];
    const child = spawn(go, argv, {
      cwd: join(here, module.folder),
      env: { ...process.env, ...workOf(module), ...flagsOf(module) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said = `${said}${chunk}`.slice(-20_000);
    });
    const ended = new Promise((resolve) => {
      child.once('error', () => process.exit(125));
      child.once('close', (code) => resolve(code));
    });
    const place = join(here, module.folder, '/');
    // What a test prints is kept until it is known to have passed.
    const kept = new Map();
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith('{')) {
        process.stdout.write(`${line.slice(0, 500)}\n`);
        continue;
      }
      let event;
      try {
        event = JSON.parse(line);
      } catch {
        continue;
      }
      const key = `${event.Package}\0${event.Test ?? ''}`;
      if (event.Action === 'output') {
        const text = (kept.get(key) ?? '') + event.Output.replaceAll(place, './');
        kept.set(key, text.length > testBytes ? text.slice(0, testBytes) : text);
        continue;
      }
      if (!['pass', 'fail', 'skip', 'build-output', 'build-fail', 'run'].includes(event.Action)) continue;
      const lines = [];
      if (event.Action === 'fail' && kept.has(key))
        lines.push({ Action: 'output', Package: event.Package, Test: event.Test, Output: kept.get(key) });
      // A package that failed says of the tests that did not come to an end.
      if (event.Action === 'fail' && event.Test === undefined)
        for (const [other, output] of kept)
          if (other.startsWith(`${event.Package}\0`) && other !== key)
            lines.push({
              Action: 'output',
              Package: event.Package,
              Test: other.slice(other.indexOf('\0') + 1),
              Output: output,
            });
      kept.delete(key);
      const { Action, Package, ImportPath, Test, Output } = event;
      lines.push({ Action, Package, ImportPath, Test, Output });
      for (const one of lines) {
        const text = `${JSON.stringify(one)}\n`;
        if (written + text.length > eventBytes && Action !== 'fail') continue;
        written += text.length;
        writeSync(events, text);
      }
    }
    const exit = await ended;
    if (said.trim() !== '') process.stderr.write(said);
    ends.push({ folder: module.folder, exit, said: exit === 0 ? '' : lastWords(said) });
    try {
      cover += readFileSync(profile, 'utf8');
    } catch {
      // No package was run.
    }
  }
  closeSync(events);
  rmSync(join(reports, 'one.out'), { force: true });
  writeFileSync(join(reports, 'cover.out'), cover);
  writeFileSync(join(reports, 'ends.json'), JSON.stringify(ends));
}
