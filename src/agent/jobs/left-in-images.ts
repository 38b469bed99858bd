// Containers of jobs of which nobody hears the end any more: an earlier agent made them and was killed, or the engine did not answer when they
// were to go. They are found by their labels and removed, whatever they do: now, once more a little later (the engine may still have had in
// hand what the earlier agent asked for), and as long as the engine does not answer.
import { z } from 'zod';
import type { JobId } from '../../domain/ids.ts';
import { removeContainer } from '../engine/container.ts';
import { labelName, labelWords } from '../engine/labels.ts';
import type { ImageRoom } from './in-image.ts';

type Room = Pick<ImageRoom, 'engine' | 'node'>;

const listed = z.array(z.object({ Id: z.string(), Labels: z.record(z.string(), z.string()) }));
const jobLabel = labelName('job');
const goneMs = 60_000;

/** Between rounds, in milliseconds: when one failed (doubled each time), and after the first that did not. */
const rests = { failed: 1000, most: 600_000, later: 30_000 };

/** What is no child of this agent. @throws engine-away, EngineRefusal */
export async function removeLeft({ engine, node }: Room, isLeft: (job: string) => boolean, of?: JobId): Promise<void> {
  const label = of === undefined ? [...labelWords({ node }), jobLabel] : labelWords({ node, job: of });
  const filters = encodeURIComponent(JSON.stringify({ label }));
  const { body } = await engine.ask('GET', `/containers/json?all=1&filters=${filters}`);
  const left = listed.parse(body).filter(({ Labels }) => isLeft(Labels[jobLabel] ?? ''));
  await Promise.all(
    left.map(async ({ Id }) => {
      const isUnderWay = await removeContainer(engine, Id);
      if (isUnderWay)
        await engine.ask('POST', `/containers/${Id}/wait?condition=removed`, { fine: [404], timeoutMs: goneMs });
    }),
  );
}

export type LeftInImages = {
  /** Begins with the rounds, or begins anew: now, or for a job that has ended just now when its container had time to go. */
  sweep(when: 'now' | 'later'): void;
  close(): void;
};

/** @param isOurs whether this agent started the job, and hears of its end */
export function leftInImages(room: Room, isOurs: (job: JobId) => boolean, given = rests): LeftInImages {
  let timer: NodeJS.Timeout | null = null;
  let turn = 0;
  let isOver = false;
  const after = (restMs: number, next: () => Promise<void>): void => {
    timer = setTimeout(() => void next(), restMs).unref();
  };
  const round = async (mine: number, restMs: number, isLast: boolean): Promise<void> => {
    const isDone = await removeLeft(room, (job) => !isOurs(job as JobId)).then(
      () => true,
      () => false,
    );
    if (mine !== turn || (isDone && isLast)) return; // a newer one goes on, or nothing is left
    if (isDone) after(given.later, () => round(mine, given.failed, true));
    else after(restMs, () => round(mine, Math.min(given.most, restMs * 2), isLast));
  };
  const end = (): void => {
    turn += 1;
    if (timer !== null) clearTimeout(timer);
  };
  return {
    sweep(when) {
      end();
      if (isOver) return;
      if (when === 'now') void round(turn, given.failed, false);
      else after(given.later, () => round(turn, given.failed, true));
    },
    close() {
      isOver = true;
      end();
    },
  };
}
