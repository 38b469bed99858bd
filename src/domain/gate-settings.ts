// What a repository says about its own gate (`gate:` in lockstep.yml), as data: how a change lands, what main is held to,
// which checks run and with which commands. Whoever reads a plan finds it there; nothing said is `defaultGate`.
import { defaultRules, type GateRules } from './gate-rules.ts';

/** The checks that Lockstep has for itself, by the names under which people turn them off or replace them. */
export const builtInChecks = ['style', 'format', 'types', 'tests', 'coverage', 'docstrings', 'docs', 'links'] as const;
export type BuiltInCheck = (typeof builtInChecks)[number];

export const reportKinds = ['junit', 'lcov', 'sarif', 'cobertura'] as const;
export type ReportKind = (typeof reportKinds)[number];

/** A command of the repository's own as a check: exit 0 passes, 75 is an infrastructure failure, all else fails. */
export type CheckCommand = {
  /** One line of shell, run in the sandbox of the checks. */
  run: string;
  /** It runs against the candidate's own instance, whose address is in $GATE_URL. */
  needsRelease: boolean;
  /** Files that it writes, as seen from the top of the tree. */
  reports: Readonly<Partial<Record<ReportKind, string>>>;
  /** A folder with an index.html that it makes, to be published as documentation; left out: none. */
  docs?: string;
  timeoutMs: number;
  network: 'all' | 'none';
  /** Of an app that is an image: in that and nowhere else, or on the server; left out: in the image, as far as it has what the command starts. */
  in?: 'image' | 'server';
  /** Where it was said, for `lockstep gate --print`. */
  from: string;
};

export type GateSettings = {
  /** How a branch lands: fast-forward when it is one commit ahead, else a merge commit; or always one of the two; or squashed. */
  history: 'auto' | 'merge' | 'squash';
  /** Changes that are tried together under backlog. */
  batch: { min: number; max: number };
  /** Of the whole gate. */
  timeoutMs: number;
  /** When the new release starts: beside the checks, after them, or only once main has been decided. */
  prestart: 'auto' | 'eager' | 'late' | 'off';
  rules: GateRules;
  /** Whether, and below which path, the docs that the gate built are published; null: not. */
  docsPublish: string | null;
  /** What is said of a check that Lockstep has; a name that is not there is `auto`. */
  builtIn: Readonly<Partial<Record<BuiltInCheck, 'off' | CheckCommand>>>;
  /** The repository's own checks, by name. */
  custom: Readonly<Record<string, CheckCommand>>;
};

export const defaultCheckTimeoutMs = 15 * 60_000;

export const defaultGate: GateSettings = {
  history: 'auto',
  batch: { min: 1, max: 4 },
  timeoutMs: 15 * 60_000,
  prestart: 'auto',
  rules: defaultRules,
  docsPublish: '/',
  builtIn: {},
  custom: {},
};

/** Plans of before have none. */
export function gateOf(plan: { gate?: GateSettings }): GateSettings {
  return plan.gate ?? defaultGate;
}
