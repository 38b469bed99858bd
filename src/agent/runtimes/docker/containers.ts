// Containers as the engine knows them: made, started, looked at, ended. One that is not there any more is ended and removed already.
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { InstanceId, NodeId } from '../../../domain/ids.ts';
import { makeContainer, removeContainer, startContainer } from '../../engine/container.ts';
import type { Engine } from '../../engine/engine.ts';
import { labelFilter, labelName } from '../../engine/labels.ts';

const listed = z.array(
  z.object({
    Id: z.string(),
    State: z.string(),
    ImageID: z.string(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
);
const configured = z.object({ Config: z.object({ StopSignal: z.string().nullish() }) });
const inspected = z.object({
  State: z.object({ Running: z.boolean(), Pid: z.number(), ExitCode: z.number(), OOMKilled: z.boolean() }),
});

export type ContainerState = { isRunning: boolean; pid: number; exitCode: number; isOutOfMemory: boolean };
export type ListedContainer = { id: string; instance: string | null; image: string; isRunning: boolean };

/** Asked first of all: by it an engine that hangs is noticed. */
const listMs = 5000;

export type Containers = ReturnType<typeof containersOf>;

/** Each method throws engine-away, and EngineRefusal for what the engine refuses. */
export function containersOf(engine: Engine, node: NodeId) {
  const list = async (owner: { instance?: InstanceId }): Promise<ListedContainer[]> => {
    const filters = encodeURIComponent(labelFilter({ node, ...owner }));
    const { body } = await engine.ask('GET', `/containers/json?all=1&filters=${filters}`, { timeoutMs: listMs });
    return listed.parse(body).map(({ Id, State, ImageID, Labels }) => ({
      id: Id,
      image: ImageID,
      instance: Labels?.[labelName('instance')] ?? null,
      isRunning: State === 'running' || State === 'paused' || State === 'restarting',
    }));
  };
  return {
    /** Its name is nobody's else, whoever has made what. */
    async create(body: object): Promise<string> {
      const name = `lockstep-${randomBytes(8).toString('hex')}`;
      return await makeContainer(engine, body, { name });
    },
    start: async (id: string): Promise<void> => await startContainer(engine, id),
    /** null: it is not there. */
    async look(id: string): Promise<ContainerState | null> {
      const { status, body } = await engine.ask('GET', `/containers/${id}/json`, { fine: [404] });
      if (status === 404) return null;
      const { Running, Pid, ExitCode, OOMKilled } = inspected.parse(body).State;
      return { isRunning: Running, pid: Pid, exitCode: ExitCode, isOutOfMemory: OOMKilled };
    },
    /** By which it wants to be asked to end; the usual one when the engine does not say. */
    async stopSignal(id: string): Promise<string> {
      const answer = await engine.ask('GET', `/containers/${id}/json`, { timeoutMs: 1000 }).catch(() => null);
      return configured.safeParse(answer?.body).data?.Config.StopSignal || 'SIGTERM';
    },
    /** Quiet when it does not run. */
    kill: async (id: string, signal = 'SIGKILL'): Promise<void> =>
      void (await engine.ask('POST', `/containers/${id}/kill?signal=${signal}`, { fine: [404, 409] })),
    remove: async (id: string): Promise<void> => void (await removeContainer(engine, id)),
    ofInstance: (instance: InstanceId) => list({ instance }),
    all: () => list({}),
  };
}
