// Every limit of serving git over HTTP in one place. Times are milliseconds; what a push may weigh is the repository's own
// setting (receive.maxInputSize).
import type { GitService } from './routes.ts';

export type GitLimits = {
  /** A fetch, from its request to its last byte. */
  fetchMs: number;
  /** A client that takes nothing of an answer. */
  readIdleMs: number;
  /** A client that sends nothing of its body. */
  bodyIdleMs: number;
  /** That a push may keep git at unpacking, waits for the client left out: a small pack may hold terabytes of zeros. */
  unpackMs: number;
};

export const gitLimits: GitLimits = {
  fetchMs: 60 * 60_000,
  readIdleMs: 5 * 60_000,
  bodyIdleMs: 5 * 60_000,
  unpackMs: 5 * 60_000,
};

/** What a git is at work for. What tells a pusher the refs is short, and must not wait behind long clones, nor behind pushes in the gate. */
export type SlotKind = GitService | 'advertise-push';

export type SlotLimits = {
  ofOne: Readonly<Record<SlotKind, number>>;
  together: Readonly<Record<SlotKind, number>>;
  /** Of one repository, for one kind; more are told to come again. */
  waiting: number;
  waitMs: number;
};

/** A push holds its place while it is in the gate. Each git is a process or two, of some 10 MB. */
export const slotLimits: SlotLimits = {
  ofOne: { 'git-upload-pack': 4, 'git-receive-pack': 8, 'advertise-push': 4 },
  together: { 'git-upload-pack': 16, 'git-receive-pack': 32, 'advertise-push': 8 },
  waiting: 100,
  waitMs: 60_000,
};
