// What those who ask live apps feel of somebody else's image build: an app of either runtime is asked all the time, first alone, then while
// a build burns every core, and while one writes as fast as the disk takes it; in turns. The caps on builds are what is measured.
// Usage: npm run bench -- builds [--runs 4] [--seconds 6] [--install] [--json] [--strict]
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Address, ask, now } from '../scripts/demo/ask.ts';
import { Stage } from '../test/support/stage.ts';
import { type Figures, type Round, summarize } from './builds/summary.ts';
import { spreadOf } from './journey/report.ts';
import { openEngine } from './support/engine.ts';
import { machineNow, noiseNow } from './support/machine.ts';
import { print, say } from './support/report.ts';
import { toTheEnd } from './support/to-the-end.ts';
import { wordsOf } from './support/words.ts';

const everyMs = 10;
const begunMs = 60_000;
const server = `import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "3")
        self.end_headers()
        self.wfile.write(b"ok\\n")
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Page).serve_forever()
`;
/** Each goes on for longer than it is looked at, and says when it begins. */
const works: Readonly<Record<string, string>> = {
  'burns every core': 'for one in 1 2 3 4; do (while :; do :; done) & done; sleep 300',
  'writes to the disk':
    'while :; do dd if=/dev/zero of=/large bs=1M count=1500 conv=fsync 2>/dev/null; rm -f /large; done',
};

/** Milliseconds of each answer. @throws when one is not given */
async function feltAt(address: Address, forMs: number): Promise<number[]> {
  const kept = new Agent({ keepAlive: true, maxSockets: 64 });
  const took: Promise<number>[] = [];
  try {
    for (const end = now() + forMs; now() < end; await sleep(everyMs)) {
      const askedAt = now();
      took.push(
        ask(address, { agent: kept }).then(({ status }) => {
          if (status !== 200) throw new Error(`${address.host} answered ${status}`);
          return now() - askedAt;
        }),
      );
    }
    return await Promise.all(took);
  } finally {
    kept.destroy();
  }
}

/** Resolves when the build of what was committed is at work; it is given up, and over, at the end. */
async function buildOf(stage: Stage, work: string): Promise<AsyncDisposable> {
  const { child, ended } = stage.spawn(['git', 'push', '-q', 'lockstep', 'main'], { cwd: work });
  let text = '';
  const begun = new Promise<void>((resolve, reject) => {
    child.stderr!.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (/begun \d/.test(text)) resolve();
    });
    AbortSignal.timeout(begunMs).addEventListener('abort', () => reject(new Error(`no build began: ${text}`)));
    void ended.then(() => reject(new Error(`the build has ended: ${text}`)));
  });
  begun.catch(() => {});
  // As Ctrl-C does: git's own helper has the connection.
  const interrupt = () => void process.kill(-child.pid!, 'SIGINT');
  const giveUp = async (): Promise<void> => {
    interrupt();
    await ended;
    await stage.untilChange('builder', 'cancelled', begunMs);
  };
  try {
    await begun;
  } catch (error) {
    interrupt();
    throw error;
  }
  return { [Symbol.asyncDispose]: giveUp };
}

async function measure(open: AsyncDisposableStack, runs: number, forMs: number, mayInstall: boolean): Promise<Figures> {
  const machine = machineNow();
  const engine = await openEngine(open, mayInstall);
  const base = await engine.base('python');
  const stage = open.use(await Stage.open({ LOCKSTEP_ENGINE: engine.socket }));
  const files = {
    process: { 'server.py': server, Procfile: 'web: exec python3 -S server.py\n' },
    container: {
      'server.py': server,
      Dockerfile: `FROM ${base}\nCOPY server.py /\nCMD ["python3", "-S", "/server.py"]\n`,
    },
  };
  for (const [name, theirs] of Object.entries(files)) {
    const lax = { 'lockstep.yml': 'gate: { checks: { style: off, docstrings: off, tests: off } }\n' };
    await stage.deploy(await stage.makeApp(name, { ...theirs, ...lax }));
  }
  const address = (name: string): Address => ({ port: stage.port, host: `${name}.localhost:${stage.port}`, path: '/' });
  const figures: Figures = { machine, engine: engine.version, everyMs, seconds: forMs / 1000, noise: [], rounds: [] };
  const builder = await stage.makeApp('builder', { Dockerfile: `FROM ${base}\n` });
  for (let run = 1; run <= runs; run += 1) {
    figures.noise.push(await noiseNow());
    for (const name of Object.keys(files)) {
      const felt: Round['felt'] = { alone: await feltAt(address(name), forMs) };
      for (const [work, line] of Object.entries(works)) {
        stage.write(builder, { Dockerfile: `FROM ${base}\nRUN echo be"gun" ${run} ${name} && ${line}\n` });
        await stage.commit(builder, work);
        await using _ = await buildOf(stage, builder);
        felt[work] = await feltAt(address(name), forMs);
      }
      figures.rounds.push({ name, felt });
      const told = Object.entries(felt).map(([what, took]) => `${what} ${spreadOf(took)!.p99} ms`);
      say(`${run}, p99 of a ${name}: ${told.join(', ')}`);
    }
  }
  return figures;
}

await toTheEnd('builds', async (open) => {
  const { numbers, mayInstall, told } = wordsOf({ runs: { usual: 4, most: 100 }, seconds: { usual: 6, most: 60 } });
  print(summarize(await measure(open, numbers.runs, numbers.seconds * 1000, mayInstall)), told);
});
