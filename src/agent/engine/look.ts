// One look at the machine's container engine: is it there, does it answer, do we understand each other, and what can it hold a container to.
// The answer is a value whatever happens, and comes within the limit.
import { z } from 'zod';
import type { EngineFacts, EngineLook, EngineState } from '../../domain/engine.ts';
import { printable } from '../../domain/names.ts';
import { negotiate, newestSpoken, oldestSpoken } from './api-version.ts';
import { askEngine } from './ask.ts';
import { jsonOf } from './json-of.ts';

const lookMs = 3000;

const versionAnswer = z.object({ Version: z.string().max(100), ApiVersion: z.string(), MinAPIVersion: z.string() });
const infoAnswer = z.object({
  Driver: z.string().max(100),
  CgroupDriver: z.string().max(100),
  CgroupVersion: z.string().max(10).optional(),
  MemoryLimit: z.boolean().optional(),
  CpuCfsQuota: z.boolean().optional(),
  PidsLimit: z.boolean().optional(),
  SecurityOptions: z.array(z.string()).nullish(),
});

const install =
  'Install one (Debian and Ubuntu: apt install docker.io) and start it; apps without a Dockerfile need none.';
const advices: Readonly<Record<Exclude<EngineState, 'ready'>, string>> = {
  absent: install,
  forbidden: 'Start Lockstep as root, or put its user into the group that owns the socket (usually docker).',
  'too-old': `Install a newer one: Docker 20.10 or later (API ${oldestSpoken}).`,
  'too-new': `Install a newer Lockstep: this one speaks API ${newestSpoken} at most.`,
  hung: 'See what it does (its log, journalctl -u docker), and restart it; its containers can outlive that.',
  strange: 'LOCKSTEP_ENGINE or DOCKER_HOST names a socket: name the one of a container engine.',
};

export async function lookAtEngine(socket: string, limitMs = lookMs): Promise<EngineLook> {
  const not = (state: Exclude<EngineState, 'ready'>, why: string): EngineLook => ({
    ...{ state, socket, why, advice: advices[state] },
  });
  const endsAt = performance.now() + limitMs;
  const ask = async (path: string): Promise<unknown> => {
    const answer = await askEngine(socket, path, { timeoutMs: Math.max(1, Math.round(endsAt - performance.now())) });
    return answer.status === 200 ? jsonOf(answer.body) : null;
  };
  try {
    const said = versionAnswer.safeParse(await ask('/version'));
    if (!said.success) return not('strange', `what answers at ${socket} is no container engine`);
    const { Version: version, ApiVersion: newestApi, MinAPIVersion: oldestApi } = said.data;
    const spoken = negotiate({ newest: newestApi, oldest: oldestApi });
    if (spoken === null) return not('strange', `the engine says that its API is "${printable(newestApi)}"`);
    if ('refused' in spoken) {
      const range = spoken.refused === 'too-old' ? `up to ${newestApi}` : `from ${oldestApi}`;
      return not(spoken.refused, `Docker ${printable(version)} speaks API ${range}`);
    }
    const info = infoAnswer.safeParse(await ask(`/v${spoken.version}/info`));
    if (!info.success) return not('strange', `the engine at ${socket} does not say what it can do`);
    const names = { version: printable(version), api: spoken.version, newestApi, oldestApi };
    return { state: 'ready', socket, facts: { ...names, ...factsOf(info.data) } };
  } catch (error) {
    return not(...stateOf(error as NodeJS.ErrnoException, socket, limitMs));
  }
}

function factsOf(info: z.infer<typeof infoAnswer>): Omit<EngineFacts, 'version' | 'api' | 'newestApi' | 'oldestApi'> {
  return {
    storage: printable(info.Driver),
    cgroup: { driver: printable(info.CgroupDriver), version: printable(info.CgroupVersion ?? '1') },
    limits: {
      memory: info.MemoryLimit ?? false,
      cpu: info.CpuCfsQuota ?? false,
      pids: info.PidsLimit ?? false,
    },
    isRootless: (info.SecurityOptions ?? []).some((one) => /\bname=rootless\b/.test(one)),
  };
}

function stateOf(
  error: NodeJS.ErrnoException,
  socket: string,
  limitMs: number,
): [Exclude<EngineState, 'ready'>, string] {
  if (error.code === 'ENOENT') return ['absent', `there is no ${socket}`];
  if (error.code === 'ECONNREFUSED') return ['absent', `nobody listens at ${socket}`];
  if (error.code === 'EACCES' || error.code === 'EPERM') return ['forbidden', `${socket} may not be opened`];
  if (error.name === 'TimeoutError')
    return ['hung', `the engine at ${socket} did not answer within ${limitMs / 1000} s`];
  return ['strange', `the engine at ${socket} broke off: ${printable(error.message)}`];
}
