// Images of apps, on the machine's container engine: built one at a time, named by what went into them, found again instead of built
// again. A build belongs to the request that asked for it: it ends when nobody listens any more (control died, a newer push came), and is
// safe to ask for again, since the same key is the same image and done steps are in the builder's cache. Touches no image but its own.
import { setTimeout as sleep } from 'node:timers/promises';
import { type BuildNetwork, plainNetwork } from '../../config/build-network.ts';
import { type BuildAnswers, certificatesId } from '../../domain/build-inputs.ts';
import type { EngineFacts, EngineLook } from '../../domain/engine.ts';
import { fail } from '../../domain/errors.ts';
import { type AppId, type NodeId, parseId, parseObjectId } from '../../domain/ids.ts';
import { type ImageEvent, type ImageFacts, type ImageSpec, imageTag } from '../../domain/image.ts';
import { lineFeed } from '../../lib/line-feed.ts';
import { Semaphore } from '../../lib/semaphore.ts';
import { askEngine, pings } from '../engine/ask.ts';
import { type BuildEnd, buildImage } from '../engine/build-image.ts';
import { labelFilter, labelsOf } from '../engine/labels.ts';
import { lookAtEngine } from '../engine/look.ts';
import type { BuildCaps, Exceeded } from './build-caps.ts';
import { dataRootOf, factsOfImage, freedIn, listOfImages } from './image-answers.ts';

export type Images = {
  /** Is there an engine, and can it be used? What was found is believed for as long as it answers. */
  look(): Promise<EngineLook>;
  /**
   * Builds an image from a tar stream, or finds it: lines as they come, then `built` or `failed`. The signal ends it.
   * @throws bad-request, engine-away, cancelled, busy, and what the stream throws
   */
  make(spec: ImageSpec, context: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<ImageEvent, void, void>;
  /** Removes the app's images but these and those in which something runs, and what the builder keeps beyond its limit. */
  collect(appId: AppId, keep: ReadonlySet<string>): Promise<{ bytesFreed: number }>;
  /** Removes all of the app's, and waits a while for the last container of theirs: of what has just ended the engine may have one still. */
  forget(appId: AppId): Promise<void>;
  /** Ends the builds, or those of one app, and waits for their ends. */
  stopAll(appId?: AppId): Promise<void>;
};

const askMs = 10_000;
const usualCacheBytes = 8 * 1024 ** 3;
const pruneMs = 60_000;
const lastContainerMs = 5000;
/** A request that is not begun by then is no longer read by the agent's own door. */
const mostWaitMs = 9 * 60_000;

export function openImages(given: {
  socket: string;
  nodeId: NodeId;
  caps: BuildCaps;
  /** What the builder may keep of done steps, for all apps. */
  cacheBytes?: number;
  /** What every build gets to reach anything. */
  network?: BuildNetwork;
  /** How what is built is called, beside its labels: by an agent as `imageTag` has it. */
  tagOf?: typeof imageTag;
  /** A build begins: its checks will need a container. */
  onBuild?: () => void;
}): Images {
  const { socket, nodeId, caps, cacheBytes = usualCacheBytes, network = plainNetwork, tagOf = imageTag } = given;
  const { onBuild = () => {} } = given;
  const turns = new Semaphore(1);
  const works = new Set<{ appId: AppId; stopper: AbortController; end: Promise<unknown> }>();
  let known: EngineFacts | null = null;
  /** Where the engine keeps its data: its own word, for as long as it answers. */
  let root: string | null = null;

  const look = async (): Promise<EngineLook> => {
    if (known !== null && (await pings(socket))) return { state: 'ready', socket, facts: known };
    root = null;
    const seen = await lookAtEngine(socket);
    known = seen.state === 'ready' ? seen.facts : null;
    return seen;
  };

  const ready = async (): Promise<EngineFacts> => {
    const seen = await look();
    if (seen.state === 'ready') return seen.facts;
    throw fail('engine-away', `The container engine does not answer: ${seen.why}`, { advice: seen.advice });
  };

  const ask = async ({ api }: EngineFacts, method: string, path: string, timeoutMs = askMs) =>
    askEngine(socket, `/v${api}${path}`, { method, timeoutMs }).catch((cause: unknown) => {
      known = null;
      throw fail('engine-away', 'The container engine does not answer', { cause });
    });

  const inspect = async (facts: EngineFacts, appId: AppId, key: string): Promise<ImageFacts | null> => {
    const labels = labelsOf({ node: nodeId, app: appId, key });
    for (const tag of new Set([tagOf(appId, key), imageTag(appId, key)])) {
      const answer = await ask(facts, 'GET', `/images/${tag}/json`);
      const found = answer.status === 200 ? factsOfImage(answer.body, labels) : null;
      if (found !== null) return found;
    }
    return null;
  };

  const removeBut = async (facts: EngineFacts, appId: AppId, keep: ReadonlySet<string>) => {
    const filter = encodeURIComponent(labelFilter({ node: nodeId, app: appId }));
    const answer = await ask(facts, 'GET', `/images/json?filters=${filter}`);
    let [bytesFreed, inUse] = [0, 0];
    for (const { id, bytes, tags } of listOfImages(answer.body)) {
      if (keep.has(id)) continue;
      // Without force: what a container uses stays. Untagged first, or several names would be a conflict.
      const names = tags.length > 0 ? tags : [id];
      const gone = await Promise.all(names.map((name) => ask(facts, 'DELETE', `/images/${name}`)));
      if (gone.every(({ status }) => status === 200)) bytesFreed += bytes;
      else if (gone.some(({ status }) => status === 409)) inUse += 1;
    }
    return { bytesFreed, inUse };
  };

  /** The least recently used goes first, of whichever app. Bytes that were freed. */
  const prune = async (facts: EngineFacts): Promise<number> =>
    freedIn((await ask(facts, 'POST', `/build/prune?all=1&keep-storage=${cacheBytes}`, pruneMs)).body);

  return {
    look,

    async *make(spec, context, signal) {
      refuseMisshapen(spec);
      const begunAt = performance.now();
      const facts = await ready();
      const durationMs = (): number => Math.round(performance.now() - begunAt);
      const there = await inspect(facts, spec.appId, spec.key);
      if (there !== null)
        return void (yield { built: { ...there, wasThere: true, cachedSteps: 0, durationMs: durationMs() } });
      if (turns.isBusy) yield { line: 'waiting for another build' };
      using _turn = await turnOf(turns, signal);
      const meanwhile = await inspect(facts, spec.appId, spec.key);
      if (meanwhile !== null)
        return void (yield { built: { ...meanwhile, wasThere: true, cachedSteps: 0, durationMs: durationMs() } });

      const stopper = new AbortController();
      const quit = AbortSignal.any([signal, stopper.signal]);
      const feed = lineFeed();
      const lines = feed.listen(signal);
      root ??= dataRootOf((await ask(facts, 'GET', '/info')).body);
      onBuild();
      caps.begin();
      let exceeded: Exceeded | null = null;
      const watched = caps.watch(root, quit).then((seen) => {
        exceeded = seen;
        if (seen !== null) stopper.abort();
      });
      const { appId, treeId, key, target, buildArgs, answers = null, isUncached, deadlineMs } = spec;
      const end = buildImage({
        ...{ engine: { socket, facts }, context, target, isUncached, deadlineMs },
        ...{ buildArgs: { ...network.proxies, ...buildArgs }, answers: withCertificates(network, answers) },
        labels: labelsOf({ node: nodeId, app: appId, tree: treeId, key }),
        tag: tagOf(appId, key),
        signal: quit,
        onLine: (line) => feed.push(line),
      }).finally(() => feed.close());
      const work = { appId, stopper, end };
      works.add(work);
      end.then(
        () => works.delete(work),
        () => works.delete(work),
      );
      try {
        for await (const line of lines) yield { line };
        const ended = await end;
        if (exceeded !== null) return void (yield { failed: { why: (exceeded as Exceeded).why, outputTail: [] } });
        if (ended.end !== 'built') {
          const { why, outputTail } = failureOf(ended, spec);
          const isKilled = /exit code: 137|signal: killed/i.test(why) && caps.isMemoryMet();
          return void (yield {
            failed: { why: isKilled ? `${why}: out of memory (limit ${caps.memorySaid})` : why, outputTail },
          });
        }
        const image = await inspect(facts, appId, key);
        if (image === null || image.id !== ended.imageId)
          throw fail('engine-away', 'The container engine has built an image and does not have it');
        yield { built: { ...image, wasThere: false, cachedSteps: ended.cachedSteps, durationMs: durationMs() } };
      } finally {
        // The turn is held until the engine has let go.
        stopper.abort();
        await Promise.allSettled([end, watched]);
        caps.release();
      }
    },

    async collect(appId, keep) {
      const seen = await look();
      if (seen.state !== 'ready') return { bytesFreed: 0 };
      const { bytesFreed } = await removeBut(seen.facts, appId, keep);
      return { bytesFreed: bytesFreed + (await prune(seen.facts)) };
    },
    async forget(appId) {
      const seen = await look();
      if (seen.state !== 'ready') return;
      for (const end = performance.now() + lastContainerMs; ; await sleep(200)) {
        const { inUse } = await removeBut(seen.facts, appId, new Set());
        if (inUse === 0 || performance.now() > end) break;
      }
      await prune(seen.facts);
    },

    async stopAll(appId) {
      const theirs = [...works].filter((work) => appId === undefined || work.appId === appId);
      for (const { stopper } of theirs) stopper.abort();
      await Promise.allSettled(theirs.map(({ end }) => end));
    },
  };
}

/** What the installation adds to what a builder may ask back. */
export function withCertificates({ certificates }: BuildNetwork, answers: BuildAnswers | null): BuildAnswers | null {
  if (certificates === null) return answers;
  return { logins: answers?.logins ?? {}, secrets: { ...answers?.secrets, [certificatesId]: certificates } };
}

function refuseMisshapen({ appId, treeId, key, target, buildArgs, answers, deadlineMs }: ImageSpec): void {
  const isWell =
    parseId('app', String(appId)) !== null &&
    parseObjectId(String(treeId)) !== null &&
    /^[0-9a-f]{64}$/.test(key) &&
    (target === null || /^[\w][\w.-]{0,127}$/.test(target)) &&
    Object.values(Object(buildArgs)).every((value) => typeof value === 'string') &&
    Object.values(Object(answers?.secrets)).every((value) => typeof value === 'string') &&
    deadlineMs > 0 &&
    deadlineMs <= 60 * 60_000;
  if (!isWell) throw fail('bad-request', 'That does not say which image to build');
}

async function turnOf(turns: Semaphore, signal: AbortSignal): Promise<Disposable> {
  const limit = AbortSignal.timeout(mostWaitMs);
  return turns.take(AbortSignal.any([signal, limit])).catch((error: unknown) => {
    if (signal.aborted) throw fail('cancelled', 'Nobody waits for the build any more', { cause: error });
    throw fail('busy', 'Other builds took too long', { advice: 'Push again.' });
  });
}

function failureOf(ended: Exclude<BuildEnd, { end: 'built' }>, { deadlineMs }: ImageSpec) {
  if (ended.end === 'failed') return { why: ended.why, outputTail: ended.tail };
  if (ended.end === 'timed-out') return { why: `it took longer than ${deadlineMs / 60_000} minutes`, outputTail: [] };
  if (ended.end === 'cancelled') throw fail('cancelled', 'The build was cancelled');
  throw fail('engine-away', `The build was broken off: ${ended.why}`, {
    advice: 'Push again when the engine is back.',
  });
}
