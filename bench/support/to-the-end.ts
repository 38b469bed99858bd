// A bench from its words to its end: what it opened is closed again, also by Ctrl-C, and what went wrong is told with exit code 1.
import { say } from './report.ts';

/** `what`: of what cannot be measured, for people. What `work` puts on the stack it is given is closed whatever happens. */
export async function toTheEnd(what: string, work: (open: AsyncDisposableStack) => Promise<void>): Promise<void> {
  await using open = new AsyncDisposableStack();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => void open.disposeAsync().finally(() => process.exit(1)));
  try {
    await work(open);
  } catch (error) {
    say(`${what} could not be measured: ${(error as Error).stack}`);
    process.exitCode = 1;
  }
}
