// The running account for a person: a line a step, a tick or a cross, and its milliseconds.
// What a program reads of it is one line of JSON on the standard output, beside the account or alone.
let to: NodeJS.WriteStream = process.stdout;
const paint = (code: number, text: string): string =>
  to.isTTY && !process.env.NO_COLOR ? `\u001b[${code}m${text}\u001b[0m` : text;

/** From now on people read it there. */
export function accountTo(stream: NodeJS.WriteStream): void {
  to = stream;
}

export function result(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function say(text = ''): void {
  to.write(`${text}\n`);
}

export function title(text: string): void {
  say(paint(1, text));
}

/** A step that has done what it should; `ms` null when it is not one that is timed. */
export function tick(what: string, ms: number | null, more: readonly string[] = []): void {
  const time = ms === null ? '' : `${Math.round(ms).toLocaleString('en')} ms`;
  say(`  ${paint(32, '✔')} ${what.padEnd(46)}${time.padStart(10)}`);
  for (const line of more) say(paint(2, `      ${line.length > 120 ? `${line.slice(0, 119)}…` : line}`));
}

export function cross(what: string, why: string): void {
  say(`  ${paint(31, '✘')} ${what}`);
  for (const line of why.split('\n')) say(`      ${line}`);
}
