// A job of the agent's from its beginning to its end, as whoever asks for it sees it.
import type { Jobs } from '../../src/agent/jobs/jobs.ts';
import type { JobResult, JobSpec } from '../../src/domain/job.ts';

export async function runJob(by: Jobs, spec: JobSpec, signal: AbortSignal = new AbortController().signal) {
  const lines: string[] = [];
  let result: JobResult | null = null;
  for await (const event of by.run(spec, signal)) {
    if ('line' in event) lines.push(event.line);
    else result = event.result;
  }
  return { lines, result: result! };
}
