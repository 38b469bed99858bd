// Whose an image, a container or a network is, as the engine keeps it: by these an agent finds its own again, and touches nothing else.
import type { AppId, InstanceId, JobId, NodeId, TreeId } from '../../domain/ids.ts';

const prefix = 'io.lockstep.';

export type Owner = {
  node: NodeId;
  app: AppId;
  /** What it was made of. */
  tree?: TreeId;
  instance?: InstanceId;
  job?: JobId;
  /** Everything that went into an image. */
  key?: string;
};

/** As the engine has it. */
export const labelName = (what: keyof Owner): string => `${prefix}${what}`;

export const labelsOf = (owner: Partial<Owner> & Pick<Owner, 'node'>): Record<string, string> =>
  Object.fromEntries(Object.entries(owner).map(([name, value]) => [`${prefix}${name}`, value]));

/** As words of a filter, all of which must hold. */
export const labelWords = (owner: Partial<Owner>): string[] =>
  Object.entries(owner).map(([name, value]) => `${prefix}${name}=${value}`);

/** As a filter of the engine's lists: everything of one machine's Lockstep. */
export const labelFilter = (owner: Partial<Owner>): string => JSON.stringify({ label: labelWords(owner) });
