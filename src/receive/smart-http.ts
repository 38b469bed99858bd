// Git over HTTP: one request, one git process, everything streamed. Authentication and the choice of repository are done
// before. A fetch whose client goes away is killed; a push is not: its judge is told by the signal, and git is let end, so
// that a verdict is never half given. Every wait has a limit: a client that neither sends nor reads is cut off.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type StreamingChild, spawnStreaming } from '../exec/exec.ts';
import { gitEnvironment } from '../git/environment.ts';
import { explained } from './explain-push.ts';
import { type GitLimits, gitLimits } from './limits.ts';
import { answerPermission } from './permission.ts';
import { encodePkt, flushPkt } from './pkt-line.ts';
import { converse, type Judge, type RefVerdict } from './proc-receive.ts';
import type { GitService } from './routes.ts';
import { type IdleLimit, idleLimit, type WorkLimit, workLimit } from './time-limits.ts';

export type ServeOptions = {
  repositoryPath: string;
  service: GitService;
  step: 'advertise' | 'exchange';
  onProcReceive: Judge;
  /** The most that a request's unpacked body may hold; a little above the repository's receive.maxInputSize, which answers better. */
  maxBodyBytes?: number;
  /** The repository's receive.maxInputSize, to be named when a push is over it. */
  maxPackBytes?: number;
  /** Asked when a push is unpacked and before any ref moves: a token may have been revoked while it was sent. */
  mayPush?: () => boolean;
  /** How many refs the push may make. */
  refsLeft?: number;
  limits?: GitLimits;
};

export type ServeResult = {
  code: number | null;
  isDisconnected: boolean;
  verdicts: ReadonlyMap<string, RefVerdict> | null;
  stderr: string;
};

/**
 * Serves one request to its end (git's, which for a push may come after the client's).
 * @throws what the judge throws, after the pusher has been answered
 */
export async function serveGit(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServeOptions,
): Promise<ServeResult> {
  const { service, step } = options;
  const expectedType = `application/x-${service}-request`;
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (step === 'exchange' && request.headers['content-type'] !== expectedType)
    return refuse(request, response, 415, `this address takes ${expectedType}`);
  if (!['identity', 'gzip', 'x-gzip'].includes(encoding))
    return refuse(request, response, 415, 'send the body plain or as gzip');

  // It went while it waited for its turn: nobody says so again, and a git would wait for the rest of the body for ever.
  if (response.destroyed) return { code: null, isDisconnected: true, verdicts: null, stderr: '' };
  const limits = options.limits ?? gitLimits;
  const isPush = service === 'git-receive-pack' && step === 'exchange';
  const child = spawnStreaming(words(options), {
    cwd: options.repositoryPath,
    env: { ...environment(request, service), ...(isPush ? hookEnvironment(options) : {}) },
    extraPipes: isPush ? 3 : 0,
  });
  const gone = new AbortController();
  response.once('close', () => {
    if (response.writableFinished) return;
    gone.abort();
    if (!isPush) child.kill();
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-4000);
  });

  const unpacked = Promise.withResolvers<void>();
  const judged = isPush ? judgePush(child, options, gone.signal, unpacked.resolve) : Promise.resolve(null);
  judged.catch(() => {});
  using timers = new DisposableStack();
  const after = (ms: number, act: () => void): void => {
    const timer = setTimeout(act, ms);
    timers.defer(() => clearTimeout(timer));
  };
  if (!isPush) after(limits.fetchMs, () => response.destroy());
  const body = {
    isGzip: encoding !== 'identity',
    maxBytes: options.maxBodyBytes ?? 640 * 1024 * 1024,
    isTooLarge: false,
  };
  const work = workLimit(limits.unpackMs, () => child.killChildren());
  void Promise.race([unpacked.promise, child.ended.catch(() => {})]).then(work.end);
  const idle = idleLimit(limits.bodyIdleMs, () => {
    if (child.stdin.writableNeedDrain && !child.stdin.destroyed) idle.refresh();
    else request.destroy();
  });
  timers.defer(idle.end);
  if (step === 'exchange') void feed(request, child, body, idle, isPush ? work : null);
  else {
    idle.end();
    child.stdin.end();
  }
  response.statusCode = 200;
  response.setHeader('content-type', `application/x-${service}-${step === 'advertise' ? 'advertisement' : 'result'}`);
  response.setHeader('cache-control', 'no-cache, max-age=0, must-revalidate');
  const preface =
    step === 'advertise' && !isVersion2(request, service)
      ? Buffer.concat([encodePkt(`# service=${service}\n`), flushPkt])
      : null;
  const isRefused = (): boolean => body.isTooLarge && !response.headersSent;
  const about = { maxPackBytes: options.maxPackBytes ?? null, repositoryPath: options.repositoryPath };
  const output = isPush ? explained(child.stdout, about) : child.stdout;
  const hasOutput = await relay(output, response, preface, isRefused, limits.readIdleMs);
  const { code } = await child.ended;
  if (isRefused()) {
    response.writeHead(413, { 'content-type': 'text/plain; charset=utf-8' });
    response.write(`a request may hold at most ${body.maxBytes} bytes; push fewer commits at a time\n`);
  } else if (code !== 0 && !hasOutput && !response.headersSent) {
    response.statusCode = 500;
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.write('git could not answer this request\n');
  }
  response.end();
  return { code, isDisconnected: gone.signal.aborted, verdicts: await judged, stderr };
}

function words({ service, step, repositoryPath }: ServeOptions): string[] {
  const name = service === 'git-upload-pack' ? ['upload-pack', '--strict'] : ['receive-pack'];
  return [
    'git',
    ...name,
    '--stateless-rpc',
    ...(step === 'advertise' ? ['--http-backend-info-refs'] : []),
    '--',
    repositoryPath,
  ];
}

function environment(request: IncomingMessage, service: GitService): Record<string, string> {
  const protocol = request.headers['git-protocol'];
  const isKnown = service === 'git-upload-pack' && typeof protocol === 'string' && /^version=[12]$/.test(protocol);
  return { ...gitEnvironment(), ...(isKnown ? { GIT_PROTOCOL: protocol } : {}) };
}

/** What the pre-receive hook is told. */
function hookEnvironment({ refsLeft }: ServeOptions): Record<string, string> {
  return {
    LOCKSTEP_ASKS: '1',
    ...(refsLeft === undefined ? {} : { LOCKSTEP_REFS_LEFT: String(Math.max(0, refsLeft)) }),
  };
}

function isVersion2(request: IncomingMessage, service: GitService): boolean {
  return environment(request, service).GIT_PROTOCOL === 'version=2';
}

async function judgePush(child: StreamingChild, options: ServeOptions, signal: AbortSignal, onUnpacked: () => void) {
  const [fromHook, toHook, progress] = child.extra;
  const asked = answerPermission(fromHook!, toHook!, () => {
    onUnpacked();
    return options.mayPush?.() ?? true;
  });
  return await converse({ fromHook: asked, toHook: toHook!, progress: progress! }, options.onProcReceive, signal);
}

/**
 * The body into git. When git stops reading (a pack too large) the rest is read and dropped, so that the client hears why.
 * @param work counts while git takes no more, and from the end of the body on
 */
async function feed(
  request: IncomingMessage,
  child: StreamingChild,
  body: { isGzip: boolean; maxBytes: number; isTooLarge: boolean },
  idle: IdleLimit,
  work: WorkLimit | null,
): Promise<void> {
  const { stdin } = child;
  request.on('data', idle.refresh).once('end', idle.end);
  let bytes = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      body.isTooLarge = bytes > body.maxBytes;
      done(body.isTooLarge ? new Error('the body is larger than the limit') : null, chunk);
    },
  });
  const stop = (): void => void limit.destroy();
  request.once('close', () => request.complete || stop());
  stdin.once('close', stop);
  try {
    const source: Readable = body.isGzip ? request.pipe(createGunzip()).on('error', stop) : request;
    source.pipe(limit);
    for await (const chunk of limit as AsyncIterable<Buffer>) {
      if (stdin.write(chunk)) continue;
      if (stdin.destroyed) throw new Error('git reads no more');
      work?.begin();
      await new Promise<void>((resolve) => {
        const done = (): void => {
          stdin.off('drain', done).off('close', done);
          resolve();
        };
        stdin.once('drain', done).once('close', done);
      });
      work?.pause();
    }
    stdin.off('close', stop).end();
    work?.begin();
  } catch {
    // git sees its input end early and says so itself, in its answer.
    stdin.destroy();
    request.unpipe();
    request.resume();
  }
}

/** git's output to the client; when the client has gone, or gets another answer, it is still read, else git would wait for ever. */
async function relay(
  output: AsyncIterable<Buffer>,
  response: ServerResponse,
  preface: Buffer | null,
  isRefused: () => boolean,
  idleMs: number,
): Promise<boolean> {
  let hasOutput = false;
  for await (const chunk of output) {
    if (isRefused()) continue;
    if (!hasOutput && preface) response.write(preface);
    hasOutput = true;
    if (response.destroyed || response.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const idle = setTimeout(() => response.destroy(), idleMs);
      const done = (): void => {
        clearTimeout(idle);
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.once('drain', done).once('close', done);
    });
  }
  return hasOutput;
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number, text: string): ServeResult {
  request.resume();
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
  return { code: null, isDisconnected: false, verdicts: null, stderr: '' };
}
