// A runtime without processes, for tests of what stands above the seam. A program is a function by the name argv[0]; it
// writes lines, may end, and decides whether a polite request to stop is heeded. Instances live in the world that is
// passed in, so a second runtime over the same world adopts them as a second agent would.
import type { InstanceId } from '../../domain/ids.ts';
import type { Exit } from '../health/wait-healthy.ts';
import type { OutputSink, Running, Runtime, StartSpec } from './runtime.ts';

export type FakeProgram = (self: { spec: StartSpec; print(line: string): void; exit(code: number): void }) => {
  heedsTerm: boolean;
};

type FakeProcess = {
  pid: number;
  sink: OutputSink | null;
  unread: string[];
  heedsTerm: boolean;
  over: PromiseWithResolvers<Exit>;
  isOver: boolean;
};

export type FakeWorld = {
  programs: Readonly<Record<string, FakeProgram>>;
  processes: Map<InstanceId, FakeProcess>;
  lastPid: number;
};

export const fakeWorld = (programs: FakeWorld['programs']): FakeWorld => ({
  programs,
  processes: new Map(),
  lastPid: 100,
});

export function fakeRuntime(world: FakeWorld): Runtime {
  const end = (process: FakeProcess, exit: Exit) => {
    if (process.isOver) return;
    process.isOver = true;
    process.over.resolve(exit);
  };
  const running = (process: FakeProcess): Running => ({
    pid: process.pid,
    startTicks: process.pid,
    place: null,
    folders: [],
    lastWordsMs: 200,
    exited: process.over.promise,
    outputEnded: process.over.promise.then(() => {}),
    pids: () => (process.isOver ? [] : [process.pid]),
    usage: () => ({ memoryBytes: 0, cpuSeconds: 0, processes: process.isOver ? 0 : 1 }),
    oomKills: () => 0,
    look: () => [],
    async stop() {
      const how = process.isOver || process.heedsTerm ? 'term' : 'kill';
      end(process, { code: null, signal: how === 'term' ? 'SIGTERM' : 'SIGKILL', isOutOfMemory: false });
      return how;
    },
    leave() {
      process.sink = null;
    },
  });
  return {
    async start(spec, sink) {
      const program = world.programs[spec.argv[0]!];
      const process: FakeProcess = {
        pid: ++world.lastPid,
        sink,
        unread: [],
        heedsTerm: true,
        over: Promise.withResolvers(),
        isOver: false,
      };
      world.processes.set(spec.id, process);
      const print = (line: string) =>
        void (process.sink === null ? process.unread.push(line) : process.sink.line(line));
      const exit = (code: number) => end(process, { code, signal: null, isOutOfMemory: false });
      if (program === undefined) exit(127);
      else process.heedsTerm = program({ spec, print, exit }).heedsTerm;
      return running(process);
    },
    async adopt(id, identity, _limits, sink) {
      const process = world.processes.get(id);
      if (process === undefined || process.isOver) return null;
      const { pid, startTicks } = running(process);
      if (pid !== identity.pid || startTicks !== identity.startTicks) return null;
      process.sink = sink;
      for (const line of process.unread.splice(0)) sink.line(line);
      return running(process);
    },
    async sweep(id) {
      const process = world.processes.get(id);
      if (process !== undefined) end(process, { code: null, signal: 'SIGKILL', isOutOfMemory: false });
    },
    async clean(id) {
      world.processes.delete(id);
    },
  };
}
