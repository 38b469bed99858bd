// What `lockstep doctor` finds, asked again for a while: what has just been broken mends itself first.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from './stage.ts';

/** In words; empty as soon as it finds nothing. */
export async function doctorSays(stage: Stage, withinMs = 60_000): Promise<string[]> {
  for (const limit = performance.now() + withinMs; ; await sleep(500)) {
    const { code, stdout, stderr } = await stage.lockstep(['doctor', '--json']);
    if (code === 0) return [];
    if (performance.now() < limit) continue;
    if (!stdout.startsWith('{"problems"')) return [`doctor: ${stderr || stdout}`];
    const { problems } = JSON.parse(stdout) as { problems: { code: string; app: string | null; what: string }[] };
    return problems.map((one) => `doctor: ${one.app ?? 'lockstep'} ${one.code}: ${one.what}`);
  }
}
