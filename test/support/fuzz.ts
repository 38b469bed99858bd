// Properties under fixed seeds: a run of our own gate is the same run everywhere, and what it shows can be shown again. Longer
// by hand: LOCKSTEP_FUZZ_FACTOR=50 makes that many times as many runs, LOCKSTEP_FUZZ_SEED=N others. A counterexample that was
// found becomes an example of the property's own, and is mended where it comes from.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ErrorCode, isFailure } from '../../src/domain/errors.ts';

const seed = Number(process.env.LOCKSTEP_FUZZ_SEED ?? 20_260_204);
const factor = Number(process.env.LOCKSTEP_FUZZ_FACTOR ?? 1);

export { fc };

/** Holds for `runs` inputs (times the factor); an input that breaks it is shrunk and shown with its seed. */
export function holds<T>(arbitrary: fc.Arbitrary<T>, runs: number, property: (input: T) => void, examples: T[] = []) {
  fc.assert(fc.property(arbitrary, property), {
    seed,
    numRuns: runs * factor + examples.length,
    examples: examples.map((one): [T] => [one]),
  });
}

export async function holdsAsync<T>(
  arbitrary: fc.Arbitrary<T>,
  runs: number,
  property: (input: T) => Promise<void>,
  examples: T[] = [],
): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, property), {
    seed,
    numRuns: runs * factor + examples.length,
    examples: examples.map((one): [T] => [one]),
  });
}

/** What `parse` gives, or null when it refused with one of the codes, in words that a person can be shown. Anything else is thrown on. */
export function parsedOrRefused<T>(parse: () => T, ...codes: ErrorCode[]): { value: T } | null {
  try {
    return { value: parse() };
  } catch (error) {
    judgeRefusal(error, codes);
    return null;
  }
}

export async function parsedOrRefusedAsync<T>(
  parse: () => Promise<T>,
  ...codes: ErrorCode[]
): Promise<{ value: T } | null> {
  try {
    return { value: await parse() };
  } catch (error) {
    judgeRefusal(error, codes);
    return null;
  }
}

function judgeRefusal(error: unknown, codes: ErrorCode[]): void {
  if (!isFailure(error, ...codes)) throw error;
  assert.ok(error.message.length > 0 && error.message.length < 20_000, 'a message of no size for people');
  assert.doesNotMatch(error.message, /[\u0000-\u0008\u000b-\u001f\u007f]/, 'a message with control characters');
}

/** Any text: plain, of every plane, with lone surrogates, and with the words that this code is afraid of. */
export function anyText(words: readonly string[], maxLength = 60): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...words) },
    { weight: 2, arbitrary: fc.string({ maxLength: 8 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constantFrom('\ud800', '\udfff', '\u0000', '\u202e', '\r', '\n', '\t', ' ', '') },
    { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'valueOf', 'hasOwnProperty') },
  );
  return fc.array(piece, { maxLength }).map((pieces) => pieces.join(''));
}

/** JSON values as a stranger would send them, with keys that are special to JavaScript. */
export function anyJson(keys: readonly string[]): fc.Arbitrary<unknown> {
  const key = fc.oneof(fc.constantFrom(...keys), fc.constantFrom('__proto__', 'constructor', 'toString', 'valueOf'));
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.oneof(
        fc.string({ maxLength: 12 }),
        fc.constantFrom(null, true, false, 0, -1, 1.5, 1e300, 2 ** 53, 80, ''),
        fc.integer(),
      ),
      fc.array(tie('value'), { maxLength: 4 }),
      fc
        .array(fc.tuple(key, tie('value')), { maxLength: 5 })
        .map((entries) => JSON.parse(`{${entries.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)}}`)),
    ),
  }));
  return value;
}

/** A copy of a JSON document in which one place, anywhere, holds something else, is gone, or is there twice. */
export function mutated(document: unknown, other: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const places = placesOf(document);
  return fc
    .array(fc.tuple(fc.nat(places.length - 1), fc.constantFrom('put', 'drop', 'twice', 'add'), other), {
      minLength: 1,
      maxLength: 3,
    })
    .map((changes) => {
      let copy = JSON.parse(JSON.stringify(document)) as unknown;
      for (const [at, how, value] of changes) copy = change(copy, places[at]!, how, value);
      return copy;
    });
}

type Place = readonly (string | number)[];

function placesOf(value: unknown, here: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [here];
  return [
    here,
    ...Object.entries(value).flatMap(([key, inner]) =>
      placesOf(inner, [...here, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

function change(value: unknown, [key, ...rest]: Place, how: string, other: unknown): unknown {
  if (key === undefined) {
    if (how !== 'add' || typeof value !== 'object' || value === null) return other;
    if (Array.isArray(value)) return [...value, other];
    return JSON.parse(
      JSON.stringify({ ...value, stranger: 0 }).replace(
        '"stranger":0',
        () => `"__proto__":${JSON.stringify(other ?? null)}`,
      ),
    );
  }
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return value;
  if (Array.isArray(value)) {
    if (rest.length === 0 && how === 'drop') return value.filter((_, at) => at !== key);
    if (rest.length === 0 && how === 'twice') return [...value, value[key as number]];
    return value.map((inner: unknown, at) => (at === key ? change(inner, rest, how, other) : inner));
  }
  const record = value as Record<string, unknown>;
  if (rest.length === 0 && how === 'drop')
    return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));
  return { ...record, [key]: change(record[key], rest, how, other) };
}

/** The bytes of `whole`, cut wherever `cuts` says. */
export function* inPieces(whole: Uint8Array, cuts: readonly number[]): Generator<Buffer> {
  const at = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...at, whole.length]) {
    yield Buffer.from(whole.subarray(from, to));
    from = to;
  }
}

export async function* streamOf(pieces: Iterable<Uint8Array>): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}
