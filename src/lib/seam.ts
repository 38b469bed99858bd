// Failpoints that nobody has to write: a seam through which everything of a kind goes (a commit, a durable write, main's
// move, a start) says `enter` before its work and `leave` after it, and gets one failpoint before and one after, named after
// whoever called: `store.commit:journey/landed.ts#persistLanded:before`. So a new caller is covered without a word of its own.
//
// Off (the normal case) a seam costs one comparison: `const at = isArmed ? enter('…') : null`. `LOCKSTEP_FAILPOINTS=@/folder`
// arms this process for its life. In the folder, for the kinds of process control, agent, router and other:
//   passed.<kind>   gets a line for every failpoint that was passed
//   plan.<kind>     its id in the first line, `plan <id>`, and what to do, a step a line: `<effect> <count> <name>`. The
//                   count-th passing of the name does the effect, and the next step is in force from then on, in this process
//                   or in the next of its kind. Effects: kill (as SIGKILL does), stop (as SIGSTOP does), throw (an error at
//                   this place). The name `*` is any. Only who plans writes it, so a plan that is taken back stays so
//   at.<kind>       how far the plan of that id is: kept by the processes
//   done.<kind>     gets the name of the place where a step was done
// The names `timer`, `stream` and `promise` are passed by an armed process by itself, 20 times a second, each in such a place.
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';

const given = process.env.LOCKSTEP_FAILPOINTS ?? '';
/** The one comparison. */
export const isArmed = given.startsWith('@/');

const folder = given.slice(1);
const effects = ['kill', 'stop', 'throw'] as const;
type Effect = (typeof effects)[number];
export type Step = { effect: Effect; count: number; name: string };
export type Kind = 'control' | 'agent' | 'router' | 'other';

/** A failpoint's name without its `:before` or `:after`. */
export type Entered = string;

/**
 * The beginning of a seam's work: passes `:before`.
 * @param detail tells uses apart that have the same caller
 */
export function enter(seam: string, detail = ''): Entered {
  const name = `${seam}${detail === '' ? '' : `(${detail})`}:${callerOf(stackHere(), seam)}`;
  pass(`${name}:before`);
  return name;
}

/** The end of the work: passes `:after`, or another place of the seam. */
export function leave(name: Entered | null, place = 'after'): void {
  if (name !== null) pass(`${name}:${place}`);
}

/** `kill 2 some:name:before` -> a step; null: not one. */
export function parseStep(line: string): Step | null {
  const [, effect, count, name] = /^(\w+) (\d+) (.+)$/.exec(line) ?? [];
  return effects.includes(effect as Effect) && name ? { effect: effect as Effect, count: Number(count), name } : null;
}

/** Which kind of process this command line is. */
export function kindOf(argv: readonly string[]): Kind {
  const program = basename(argv[1] ?? '').replace(/\.[jt]s$/, '');
  if (program === 'control' || program === 'router' || program === 'agent') return program;
  return argv[2] === 'up' ? 'agent' : 'other';
}

/** Seams through which other seams are called: never the caller. */
const wrappers = /(?:^|\/)(?:in-transaction|transition|atomic-write|agent\/engine\/(?:engine|container))\.[jt]s$/;

/** `journey/landed.ts#goLive`, from a stack whose first line is the seam's own. */
export function callerOf(stack: readonly string[], seam: string): string {
  const frames = stack.flatMap((line) => parseFrame(line) ?? []);
  const own = frames[0];
  const caller = frames.find(({ file }) => file !== own?.file && !wrappers.test(file));
  // Called by its own file alone, or by the event loop.
  if (!caller) return own ? `${own.file}#${own.does || seam}` : '?';
  // A nameless function is called by the name of the one around it, as far as the stack has that.
  const named = frames.find(({ file, does }) => file === caller.file && does !== '');
  return `${caller.file}#${named?.does ?? ''}`;
}

function parseFrame(line: string): { file: string; does: string } | null {
  const [, said, path] = /^\s+at (?:(.+) \()?(?:file:\/\/)?(\/[^()]+?):\d+:\d+\)?$/.exec(line) ?? [];
  const file = path && /\/(?:src|dist)\/((?!.*\/(?:src|dist)\/).+)$/.exec(path)?.[1];
  if (!file || file.startsWith('lib/seam.')) return null;
  const does = (said ?? '').replace(/^(?:async |new |Object\.|#)+/, '').replace(/ \[as .*\]$/, '');
  return { file, does: /^<anonymous>$|^file:|^\//.test(does) ? '' : does };
}

function stackHere(): string[] {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 40;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = before;
  return stack.split('\n').slice(1);
}

const kind = kindOf(process.argv);

function pass(name: string): void {
  write(() => appendFileSync(join(folder, `passed.${kind}`), `${name}\n`));
  const effect = take(name);
  if (effect === 'kill') process.kill(process.pid, 'SIGKILL');
  if (effect === 'stop') process.kill(process.pid, 'SIGSTOP');
  if (effect === 'throw') throw new Error(`the failpoint ${name} threw`);
}

/** What the plan says about this passing, which counts from now on; null: nothing. */
function take(name: string): Effect | null {
  const { id, step, at, count } = inForce();
  if (step === null || (step.name !== name && step.name !== '*')) return null;
  const isDue = count + 1 === step.count;
  const file = join(folder, `at.${kind}`);
  writeFileSync(`${file}.tmp`, `${id}\n${isDue ? at + 1 : at} ${isDue ? 0 : count + 1}`);
  renameSync(`${file}.tmp`, file);
  if (!isDue) return null;
  appendFileSync(join(folder, `done.${kind}`), `${name}\n`);
  return step.effect;
}

/** The step of the plan that counts now, after `at` others and with `count` passings behind it; null: there is none. */
function inForce(): { id: string; step: Step | null; at: number; count: number } {
  const [head = '', ...steps] = read(join(folder, `plan.${kind}`)).split('\n');
  const id = head.replace(/^plan /, '');
  const [ofPlan, progress = ''] = read(join(folder, `at.${kind}`)).split('\n');
  const [at = 0, count = 0] = ofPlan === id && progress !== '' ? progress.split(' ').map(Number) : [];
  return { id, step: parseStep(steps[at] ?? ''), at, count };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // no plan
  }
}

/** A full disk costs the line, not the process. */
function write(work: () => void): void {
  try {
    work();
  } catch {
    // Whoever reads the record sees that the name is missing.
  }
}

if (isArmed) {
  const ownNames = { timer: 'timer', stream: 'stream', promise: 'promise' };
  setInterval(() => {
    if (!Object.values(ownNames).includes(inForce().step?.name ?? '')) return;
    void (async () => pass(ownNames.promise))();
    Readable.from(['']).on('data', () => pass(ownNames.stream));
    pass(ownNames.timer);
  }, 50).unref();
}
