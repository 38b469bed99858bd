// What is known of the machine's container engine after one look at it. Facts, and what helps; whether its absence is trouble is for
// whoever needs one to say.

export const engineStates = [
  /** It answers, in a version of its interface that we speak. */
  'ready',
  /** Nothing is at its socket, or nobody listens there. */
  'absent',
  /** The socket is not ours to open. */
  'forbidden',
  /** It speaks older versions of its interface only, or newer ones only. */
  'too-old',
  'too-new',
  /** It took the question and did not answer in time. */
  'hung',
  /** What answers is no container engine. */
  'strange',
] as const;
export type EngineState = (typeof engineStates)[number];

export type EngineFacts = {
  version: string;
  /** The version of its interface that we speak with it. */
  api: string;
  /** The newest and the oldest that it speaks. */
  newestApi: string;
  oldestApi: string;
  storage: string;
  cgroup: { driver: string; version: string };
  /** Which limits of a container it can hold. */
  limits: { memory: boolean; cpu: boolean; pids: boolean };
  isRootless: boolean;
};

export type EngineLook =
  | { state: 'ready'; socket: string; facts: EngineFacts }
  | { state: Exclude<EngineState, 'ready'>; socket: string; why: string; advice: string };

/** In one line, for people. */
export function describeEngine(look: EngineLook): string {
  if (look.state !== 'ready') return `none: ${look.why}`;
  const { version, api, storage, cgroup, limits } = look.facts;
  const lacking = Object.entries(limits).flatMap(([name, isHeld]) => (isHeld ? [] : [name]));
  const held = lacking.length === 0 ? 'memory, cpu and pids limits hold' : `no limit of ${lacking.join(', ')} holds`;
  return `Docker ${version}, API ${api}, images by BuildKit, ${storage}, cgroup v${cgroup.version} by ${cgroup.driver}, ${held}`;
}
