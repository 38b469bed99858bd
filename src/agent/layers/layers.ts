// Dependency layers: made once under the gate identity, at the place where they stay (a venv knows its own path), then
// root's and read-only for everybody. The marker beside a layer is written last; a folder without one is no layer and is
// removed before the next try. Two requests for one key share the work.
import type { LayerEvent, LayerSpec } from '../../domain/desired.ts';
import type { HomeFolders } from '../folders.ts';
import type { CgroupSupport } from '../process/cgroup.ts';
import type { Toolchains } from '../toolchains/toolchains.ts';

export type Layers = {
  /**
   * Makes the layer or finds it: lines as they come, then `done` or `failed`. When the last listener lets go the work is
   * stopped. @throws bad-request, no-interpreter, disk-full, and what fetching a tool throws
   */
  make(spec: LayerSpec, signal: AbortSignal): AsyncIterable<LayerEvent>;
  /** Stops all work; what was half done is removed by the next try. */
  stopAll(): Promise<void>;
};

export type LayersGiven = {
  folders: HomeFolders;
  toolchains: Toolchains;
  cgroups?: CgroupSupport | null;
};

export async function openLayers(_given: LayersGiven): Promise<Layers> {
  throw new Error('not yet');
}
