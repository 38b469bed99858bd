// What is asked of a proof of a candidate, and what it answers.
import type { App } from '../domain/app.ts';
import type { Change } from '../domain/change.ts';
import type { CheckResult, Verdict } from '../domain/gate.ts';
import type { GateSettings } from '../domain/gate-settings.ts';
import type { TreeId } from '../domain/ids.ts';
import type { WeakenAsked } from '../gate/policy/weakening.ts';
import type { Repository } from '../git/repository.ts';
import type { Candidate } from './candidate.ts';
import type { Looked } from './quality.ts';
import type { Reading } from './reading.ts';
import type { JobReports } from './reports.ts';

export type Proof = {
  /** null: neither passed nor rejected. */
  verdict: Verdict | null;
  results: readonly CheckResult[];
  isMemoised: boolean;
  /** The release that was started; null when it did not come so far. */
  candidate: Candidate | null;
  /** Its instances have been started: the boot check is among the results. */
  isBooted: boolean;
  /** What the checks have looked at; left out: nothing. */
  looked?: Looked | null;
};

export type Override = { reason: string; by: string };

export type ProveRequest = {
  app: App;
  /** null: the checks alone are asked, and nothing is started. */
  change: Change | null;
  repository: Repository;
  tree: TreeId;
  /** main's tree; null at the first push. */
  baseTree: TreeId | null;
  /** null: the config that is current. */
  configVersion: number | null;
  description: string;
  /** What is being read of the candidate already; null: nothing. */
  reading: Reading | null;
  /** The pusher wants the checks to run although the tree is known. */
  isRecheck: boolean;
  /** Left out: every check, build and boot; else only the checks of these names or kinds, and nothing is remembered. */
  only?: readonly string[];
  /** Left out: the release is started, and its boot is a check. */
  isBoot?: false;
  /** What was refused of this very tree, against whatever main, refuses it again. */
  isInferred?: boolean;
  /** Who lets it past the checks, and why; left out: it is held to them. It is built and started all the same. */
  override?: Override | null;
  /** Who wants a gate weaker than main's, if anybody does. */
  weaken: WeakenAsked;
  /** Told what the repository says of its gate, as soon as it is known. */
  onGate(gate: GateSettings): void;
  say(line: string): void;
  moment(name: string, atMs?: number): void;
  /** Told of what each job of the gate reported. */
  onReports?(reports: JobReports): void;
  /** Told of the release before it is started: whatever happens then, its end is the caller's. */
  onCandidate(candidate: Candidate): void;
  /** Does the work when the change has ended: what is only tidied up must not stand in the way of the landing. */
  afterwards(work: () => void): void;
  signal: AbortSignal;
  /** Whoever asked has gone: an image in the making ends; left out: it does not. */
  left?: AbortSignal | undefined;
};
