// What is live, as far as another machine must know it to run the same and to say what differs. No value of an app's config is in it, and
// what the agent alone knows may lack.
import type { AppId, CommitId, NodeId, TreeId } from './ids.ts';
import type { AppName } from './names.ts';
import type { Plan, ProcessType } from './plan.ts';
import type { ImageArtifact } from './release.ts';

export type LiveFacts = {
  app: AppName;
  appId: AppId;
  /** Whose name its images bear beside the app's; null: the agent is away. */
  node: NodeId | null;
  release: { version: number | null; commit: CommitId; tree: TreeId };
  /** How it starts: what the repository says, and nothing of the app's config. */
  start: Pick<Plan, 'env' | 'limits' | 'volumes' | 'health'> & Pick<ProcessType, 'command'>;
  /** Names of the variables of its config. */
  configNames: readonly string[];
  /** null: it runs as processes of the machine. */
  image: LiveImage | null;
};

export type LiveImage = ImageArtifact & {
  /** Of which registry's image it is, by digest; null: it was built. */
  pulled: string | null;
  /** null: no engine answers there, or the image is gone. */
  details: ImageDetails | null;
};

/** What an engine says of an image, to hold another one against. */
export type ImageDetails = {
  /** Digests of its layers' contents, the lowest first. */
  layers: readonly string[];
  /** linux/amd64 */
  platform: string;
  /** A digest of what it says of its start: user, folder, environment, command, ports. */
  config: string;
  /** The version of the engine that has it. */
  engine: string;
};
