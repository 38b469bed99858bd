// What a language contributes to a Dockerfile: the stages that make the app's folder and what it stands on, and how the last stage takes
// them. Each is a function of the same plan that the process runtime runs.
import type { Plan } from '../../domain/plan.ts';
import type { TreeView } from '../tree-view.ts';
import type { CacheMount } from './lines.ts';

export type Made = {
  /** Whole stages, before the last one. */
  stages: readonly (readonly string[])[];
  /** The image of the last stage. */
  base: string;
  /** How it takes what the stages made. */
  takes: readonly string[];
  /** Where `{layer}` of a command is; null: there is none. */
  layer: string | null;
  /** Folders of programs, before the usual ones. */
  path: readonly string[];
  env: Readonly<Record<string, string>>;
};

export type Writer = (asked: { plan: Plan; view: TreeView; notes: string[]; cache: CacheMount }) => Promise<Made>;

/** Where the tree is in every image. */
export const appFolder = '/app';
export const cacheFolder = '/cache';
