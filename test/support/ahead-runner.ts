// One runner of a check on one project after the other: started there, and started ahead of its tree, with what it says each time.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export type Given = { home: string; python: string; skip: string | false };
export type Answer = { status: number | null; output: string; reports: Record<string, string> };

/** A runner on one project after the other, in a folder of its own. @param words how it is called, without where the tree comes from */
export function runnerIn({ home, python }: Given, words: (places: { reports: string; files: string }) => string[]) {
  const [tree, reports, late] = ['tree', 'reports', 'files'].map((name) => join(home, name)) as [
    string,
    string,
    string,
  ];
  const fifo = join(home, 'begin');
  const env = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', HOME: home, PYTHONDONTWRITEBYTECODE: '1', PYTHONHASHSEED: '0' };
  const argv = words({ reports, files: late });

  function clear(): void {
    for (const folder of [tree, reports, late]) rmSync(folder, { recursive: true, force: true });
  }

  function place(files: Record<string, string>, lateFiles: Record<string, string>): void {
    clear();
    for (const folder of [tree, reports, late]) mkdirSync(folder, { recursive: true });
    const all = Object.entries(files).map(([path, text]) => [join(tree, path), text] as const);
    for (const [path, text] of [
      ...all,
      ...Object.entries(lateFiles).map(([name, text]) => [join(late, name), text] as const),
    ]) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }

  /** What it said and reported, without what differs between any two runs. */
  function answer(status: number | null, output: string): Answer {
    const plain = (text: string) =>
      text
        .replace(/\b\d+\.\d+s\b/g, 'TIMEs')
        .replace(/(time|timestamp)="[^"]*"/g, '$1=""')
        .replace(/0x[0-9a-f]+/g, '0x')
        .replace(/"(?:pipe|socket):\[\d+\]"/g, '"pipe"')
        .replace(/"\/tmp\/#\d+ \(deleted\)"/g, '"a temporary file"');
    const names = readdirSync(reports, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    const read = names.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(reports.length + 1), plain(readFileSync(path, 'utf8'))];
    });
    return { status, output: plain(output), reports: Object.fromEntries(read) };
  }

  return {
    reports,
    cold(files: Record<string, string>, lateFiles: Record<string, string> = {}): Answer {
      place(files, lateFiles);
      const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', python, ...argv], {
        ...{ cwd: tree, env, encoding: 'utf8', timeout: 60_000 },
      });
      return answer(status, stdout + stderr);
    },
    /** The tree comes only once the interpreter waits. */
    async ahead(
      files: Record<string, string>,
      lateFiles: Record<string, string> = {},
      isMeant = true,
    ): Promise<Answer> {
      clear();
      for (const path of [fifo, `${fifo}.json`]) rmSync(path, { force: true });
      execFileSync('/usr/bin/mkfifo', [fifo]);
      const pipe = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
      const child = spawn('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', python, ...argv, '--begin', fifo], {
        cwd: '/',
        env,
      });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
      const ended = once(child, 'close');
      const limit = AbortSignal.timeout(60_000);
      while (!isReading(child.pid!, fifo) && child.exitCode === null) await pause(5, undefined, { signal: limit });
      place(files, lateFiles);
      if (isMeant) writeFileSync(`${fifo}.json`, JSON.stringify({ folder: tree }));
      closeSync(pipe);
      const [status] = await ended;
      return answer(status, output);
    },
  };
}

function isReading(pid: number, fifo: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(join(folder, fd)) === fifo;
    } catch {
      return false; // closed meanwhile
    }
  });
}

/** Everything about its process that the app could look at. @param called a file for how it was called in the end */
export const looksOf = (called: string) => `
import gc, json, logging, os, signal, sys, threading, time, warnings


def looked():
    with open("/proc/self/cmdline") as words, open(${JSON.stringify(called)}, "w") as copy:
        copy.write(words.read())
    fds = {}
    for fd in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            fds[fd] = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            pass
    return {
        "modules": sorted(name for name in sys.modules),
        "files": sorted(str(getattr(m, "__file__", None)) for m in list(sys.modules.values())),
        "argv": sys.argv, "path": sys.path, "cwd": os.getcwd(), "env": dict(os.environ),
        "main": [sys.modules["__main__"].__file__, sys.modules["__main__"].__name__],
        "warnings": [str(one) for one in warnings.filters], "flags": str(sys.flags),
        "threads": [one.name for one in threading.enumerate()],
        "meta": [getattr(one, "__name__", type(one).__name__) for one in sys.meta_path],
        "hooks": len(sys.path_hooks), "gc": gc.get_threshold(), "trace": str(type(sys.gettrace())),
        "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
        "fds": fds, "log": [str(one) for one in logging.root.handlers], "umask": os.umask(os.umask(0o27)),
        "limit": sys.getrecursionlimit(), "is_old": time.time() - float(str(logging._startTime)[:10]) > 5,
    }
`;

/** Pages are long: the first line that differs of each. */
export function differing(one: Answer, other: Answer): string[] {
  const names = [...new Set([...Object.keys(one.reports), ...Object.keys(other.reports)])];
  const texts = names.map((name) => [name, one.reports[name] ?? '(none)', other.reports[name] ?? '(none)'] as const);
  const all = [...texts, ['status', `${one.status}`, `${other.status}`], ['output', one.output, other.output]] as const;
  return all.flatMap(([name, mine, theirs]) => {
    const [lines, others] = [mine.split('\n'), theirs.split('\n')];
    const at = lines.findIndex((line, index) => line !== others[index]);
    return mine === theirs ? [] : [`${name}:${at}: ${lines[at]?.slice(0, 300)} | ${others[at]?.slice(0, 300)}`];
  });
}
