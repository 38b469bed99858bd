// What control's doctor asks of the agent: fresh looks (`survey.ts`), and the few repairs that only the agent can make. Each
// repair is one right answer; whether it is wanted is control's to say.
import type { AppRef } from '../../domain/agent.ts';
import type { AppId, TreeId } from '../../domain/ids.ts';
import type { AgentSurvey, AppEvidence, LayerHash, LeftOver, ReleaseHash } from '../../domain/survey.ts';
import { ensureAppFolders } from '../folders.ts';
import { layerMarker } from '../layer-places.ts';
import { removeTree } from '../remove-tree.ts';
import { ReleaseHashes } from './hash-release.ts';
import { leftCopies, removeLeftOvers } from './left-overs.ts';
import { evidence, hashLayer, hashRelease, type SurveyParts, survey } from './survey.ts';

export type InspectionParts = Omit<SurveyParts, 'hashes'> & {
  /** Gives the router its routes again; the generation that it has then. */
  routeAgain(): Promise<number>;
};

export class Inspection {
  readonly #parts: InspectionParts & SurveyParts;

  constructor(parts: InspectionParts) {
    this.#parts = { ...parts, hashes: new ReleaseHashes() };
  }

  survey(): Promise<AgentSurvey> {
    return survey(this.#parts);
  }

  evidence(appId: AppId, treeId: TreeId | null, hosts: readonly string[]): Promise<AppEvidence> {
    return evidence(this.#parts, { appId, treeId, hosts });
  }

  /** @throws not-found, too-large, timed-out */
  hashTree(appId: AppId, treeId: TreeId, withListing: boolean): Promise<ReleaseHash> {
    return hashRelease(this.#parts, appId, treeId, { isFresh: true, withListing });
  }

  hashLayer(appId: AppId, key: string): Promise<LayerHash> {
    return hashLayer(this.#parts, appId, key);
  }

  /** From now on the layer counts as not there, and is made anew by whoever asks for it. */
  distrustLayer(appId: AppId, key: string): Promise<void> {
    return removeTree(layerMarker(this.#parts.folders.layer(appId, key)));
  }

  /** The app's folders get their owners and modes again. */
  mendFolders(app: AppRef): Promise<void> {
    return ensureAppFolders(this.#parts.folders, app);
  }

  removeLeftOvers(wanted: readonly LeftOver[]): Promise<LeftOver[]> {
    return removeLeftOvers(this.#parts, wanted);
  }

  /** @throws router-away */
  async routeAgain(): Promise<{ generation: number }> {
    return { generation: await this.#parts.routeAgain() };
  }

  /** No change of the app is on its way: its checks are ended, and the copies that they stood on are removed. */
  async endChecks(appId: AppId): Promise<{ jobs: number; copies: number }> {
    const jobs = await this.#parts.checks.endChecks(appId);
    const copies = await leftCopies(this.#parts, appId);
    for (const name of copies) await removeTree(this.#parts.folders.copy(appId, name));
    return { jobs, copies: copies.length };
  }
}
