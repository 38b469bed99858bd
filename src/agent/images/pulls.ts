// Images of registries, by way of the machine's engine: what a tag is now, and the image of a digest. One pull at a time for a digest, shared
// by whoever asks for it; few at once on the machine. A pulled image gets a name of the app's own, by which it is kept and collected, and the
// name under which it came is taken away again: what else the engine has under it is not ours.
import { z } from 'zod';
import type { EngineFacts, EngineLook } from '../../domain/engine.ts';
import { fail, type LockstepError } from '../../domain/errors.ts';
import { type AppId, parseId } from '../../domain/ids.ts';
import { type ImageReference, parseDigest, parseImageReference, repositoryOf } from '../../domain/image-reference.ts';
import { printable } from '../../domain/names.ts';
import type { ImageQuestion, PullEvent, PullSpec, ResolvedImage } from '../../domain/pull.ts';
import { lineFeed } from '../../lib/line-feed.ts';
import { Semaphore } from '../../lib/semaphore.ts';
import { askEngine } from '../engine/ask.ts';
import { jsonOf } from '../engine/json-of.ts';
import { type PullEnd, pullImage } from '../engine/pull-image.ts';
import { registryAuth, registryTrouble } from '../engine/registry-refusal.ts';
import { factsOfPulled, listOfImages } from './image-answers.ts';

export type Pulls = {
  /** @throws bad-image, no-engine, engine-away, pull-refused, registry-away */
  resolve(question: ImageQuestion, signal: AbortSignal): Promise<ResolvedImage>;
  /** Lines as they come, then `pulled` or `failed`. @throws bad-request, no-engine, engine-away, registry-away, cancelled, busy */
  pull(spec: PullSpec, signal: AbortSignal): AsyncGenerator<PullEvent, void, void>;
  /** Takes the app's names from the pulled images but these (ids); what nobody else names is removed by the engine. */
  collect(appId: AppId, keep: ReadonlySet<string>): Promise<void>;
};

const askMs = 10_000;
/** A registry far away, asked by the engine. */
const resolveMs = 30_000;
const pullsAtOnce = 2;
const mostWaitMs = 9 * 60_000;

const distribution = z.object({ Descriptor: z.object({ digest: z.string() }) });

/** @param given `look`: is there an engine, and can it be used? */
export function openPulls(given: { socket: string; look(): Promise<EngineLook> }): Pulls {
  const { socket, look } = given;
  const turns = new Semaphore(pullsAtOnce);

  const ready = async (): Promise<EngineFacts> => {
    const seen = await look();
    if (seen.state === 'ready') return seen.facts;
    const code = seen.state === 'hung' ? 'engine-away' : 'no-engine';
    throw fail(code, `an image cannot be pulled: ${seen.why}`, { advice: seen.advice });
  };
  const ask = ({ api }: EngineFacts, method: string, path: string) =>
    askEngine(socket, `/v${api}${path}`, { method, timeoutMs: askMs }).catch((cause: unknown) => {
      throw fail('engine-away', 'the container engine does not answer', { cause });
    });
  const inspect = async (facts: EngineFacts, name: string) => {
    const answer = await ask(facts, 'GET', `/images/${name}/json`);
    return answer.status === 200 ? factsOfPulled(answer.body) : null;
  };

  return {
    async resolve({ image: text, login }, signal) {
      const image = parseImageReference(text);
      if (image.digest !== null) return { digest: image.digest };
      const facts = await ready();
      const path = `/v${facts.api}/distribution/${repositoryOf(image)}:${image.tag}/json`;
      const headers = { 'x-registry-auth': registryAuth(login, image.host) };
      const answer = await askEngine(socket, path, { timeoutMs: resolveMs, headers, signal }).catch(
        (cause: unknown) => {
          throw fail('registry-away', `${image.host} did not say in ${resolveMs / 1000} s what ${text} is`, { cause });
        },
      );
      const digest = parseDigest(distribution.safeParse(jsonOf(answer.body)).data?.Descriptor.digest ?? '');
      if (answer.status === 200 && digest !== null) return { digest };
      throw refusal(text, messageOf(answer.body), 'refused');
    },

    async *pull(spec, signal) {
      const image = misshapen(spec);
      const { appId, login, deadlineMs, mostBytes } = spec;
      const facts = await ready();
      const begunAt = performance.now();
      const durationMs = (): number => Math.round(performance.now() - begunAt);
      const tag = pulledTag(appId, image);
      const there = await inspect(facts, tag);
      if (there) return void (yield { pulled: { ...there, wasThere: true, durationMs: durationMs() } });
      if (turns.isBusy) yield { line: 'waiting for other pulls' };
      using _turn = await turnOf(turns, signal);

      const name = `${repositoryOf(image)}@${image.digest}`;
      const wasNamed = (await inspect(facts, name)) !== null;
      const stopper = new AbortController();
      const feed = lineFeed();
      const lines = feed.listen(AbortSignal.any([signal, stopper.signal]));
      const end = pullImage({
        ...{ engine: { socket, facts }, image, login, deadlineMs, mostBytes },
        signal: AbortSignal.any([signal, stopper.signal]),
        onLine: (line) => feed.push(line),
      }).finally(() => feed.close());
      try {
        for await (const line of lines) yield { line };
        const why = failureOf(spec, await end);
        if (why !== null) return void (yield { failed: { why } });
        const found = await inspect(facts, name);
        if (!found) throw fail('engine-away', 'the container engine has pulled an image and does not have it');
        const isTooLarge = found.bytes > mostBytes;
        const [repo = '', word = ''] = tag.split(':');
        if (!isTooLarge) await ask(facts, 'POST', `/images/${found.id}/tag?repo=${repo}&tag=${word}`);
        if (!wasNamed) await ask(facts, 'DELETE', `/images/${name}`);
        if (isTooLarge) return void (yield { failed: { why: `it is larger than ${mostBytes} bytes` } });
        yield { pulled: { ...found, wasThere: false, durationMs: durationMs() } };
      } finally {
        // The turn is held until the engine has let go.
        stopper.abort();
        await end;
      }
    },

    async collect(appId, keep) {
      const seen = await look();
      if (seen.state !== 'ready') return;
      const { facts } = seen;
      const filter = encodeURIComponent(JSON.stringify({ reference: [`${repositoryOfApp(appId)}:*`] }));
      for (const { id, tags } of listOfImages((await ask(facts, 'GET', `/images/json?filters=${filter}`)).body)) {
        if (keep.has(id)) continue;
        const own = tags.filter((tag) => tag.startsWith(`${repositoryOfApp(appId)}:`));
        // Without force: what a container uses stays.
        for (const tag of own) await ask(facts, 'DELETE', `/images/${tag}`);
      }
    },
  };
}

const repositoryOfApp = (appId: AppId): string => `lockstep-pulled/${appId.toLowerCase()}`;

/** By the digest of the manifest: the same is found again whatever it was called. */
const pulledTag = (appId: AppId, { digest }: ImageReference): string =>
  `${repositoryOfApp(appId)}:${digest!.replace('sha256:', '')}`;

function misshapen({ appId, image: text, deadlineMs, mostBytes }: PullSpec): ImageReference {
  const image = parseImageReference(String(text));
  const isWell =
    image.digest !== null &&
    parseId('app', String(appId)) !== null &&
    deadlineMs > 0 &&
    deadlineMs <= 3_600_000 &&
    mostBytes > 0;
  if (!isWell) throw fail('bad-request', 'that does not say which image to pull');
  return image;
}

/** null: it is there. @throws what is nobody's answer */
function failureOf({ image, deadlineMs }: PullSpec, ended: PullEnd): string | null {
  if (ended.end === 'pulled') return null;
  if (ended.end === 'refused') return printable400(ended.why);
  if (ended.end === 'timed-out') return `it took longer than ${deadlineMs / 1000} s`;
  if (!('why' in ended)) throw fail('cancelled', 'nobody waits for the image any more');
  if (ended.end === 'away') throw refusal(image, ended.why, 'away');
  throw fail('engine-away', `the pull was broken off: ${printable400(ended.why)}`);
}

function refusal(image: string, said: string, unless: 'away' | 'refused'): LockstepError {
  const isAway = (registryTrouble(said) ?? unless) === 'away';
  const why = `${image}: ${printable400(said)}`;
  return isAway
    ? fail('registry-away', why, { advice: 'Try again when the registry is back.' })
    : fail('pull-refused', why, {
        advice:
          'Is the name right, and is it there? For a private image log in: lockstep registry login HOST --username NAME',
      });
}

const printable400 = (text: string): string => (text.match(/.{1,80}/gsu) ?? []).slice(0, 5).map(printable).join('');

async function turnOf(turns: Semaphore, signal: AbortSignal): Promise<Disposable> {
  const limit = AbortSignal.timeout(mostWaitMs);
  return turns.take(AbortSignal.any([signal, limit])).catch((error: unknown) => {
    if (signal.aborted) throw fail('cancelled', 'nobody waits for the image any more', { cause: error });
    throw fail('busy', 'other pulls took too long', { advice: 'Try again.' });
  });
}

function messageOf(body: string): string {
  const { message } = Object(jsonOf(body)) as { message?: unknown };
  return typeof message === 'string' ? message : body.slice(0, 300);
}
