// Every sender that is understood. The first whose shape fits reads the notice: what says more about itself stands first.
import type { Sender } from '../notice.ts';
import { distribution, oneEvent } from './distribution.ts';
import { dockerHub } from './docker-hub.ts';
import { gitea } from './gitea.ts';
import { githubPackage, githubPing, githubRegistry } from './github.ts';
import { gitlabDeployment, gitlabOther, gitlabPipeline } from './gitlab.ts';
import { harbor, harborCloudEvents } from './harbor.ts';
import { plain } from './plain.ts';
import { quay } from './quay.ts';

export const senders: readonly Sender[] = [
  distribution,
  oneEvent,
  dockerHub,
  githubRegistry,
  githubPackage,
  githubPing,
  gitlabPipeline,
  gitlabDeployment,
  gitlabOther,
  harborCloudEvents,
  harbor,
  quay,
  gitea,
  plain,
];
