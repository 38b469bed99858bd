// Begins to read a candidate before anybody has decided anything about it: its files, and what differs from main.
import { type GitTree, openGitTree } from '../build/git-tree.ts';
import type { CommitId, TreeId } from '../domain/ids.ts';
import type { Repository } from '../git/repository.ts';
import type { World } from './world.ts';

/** A candidate's files, and its differences from main (null at the first push). */
export type Reading = { tree: Promise<Omit<GitTree, 'id'>>; diff: Promise<string | null> };

/** Begins to read; commits do as well as trees. */
export function readCandidate(
  world: World,
  repository: Repository,
  base: CommitId | TreeId | null,
  candidate: CommitId | TreeId,
  signal: AbortSignal,
): Reading {
  const { git } = repository;
  const inVain = new AbortController();
  const untilThen = AbortSignal.any([signal, inVain.signal]);
  const reading = {
    tree: openGitTree(git, world.blobs, candidate, signal),
    diff: base === null ? Promise.resolve(null) : git.diff(base, candidate, untilThen),
  };
  // A tree that is too large to be read is not compared either.
  reading.tree.catch(() => inVain.abort(new Error('the tree could not be read')));
  // Whoever needs them hears of a failure; a push that is refused before never asks.
  for (const promise of [reading.tree, reading.diff]) promise.catch(() => {});
  return reading;
}
