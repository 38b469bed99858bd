// What main is held to, as figures: the defaults, and what an app's own lockstep.yml may say instead.

export type GateRules = {
  style: {
    /** Findings on changed lines that are let through. */
    new: number;
  };
  coverage: {
    /** Of the changed executable lines, 0..1. */
    patch: number;
    /** Fewer changed executable lines than these are not weighed. */
    patchFloor: number;
    /** By how much the whole may fall against main, in percentage points. */
    slackPoints: number;
    /** An absolute floor of the whole, 0..1; null: none. */
    min: number | null;
  };
  docstrings: {
    /** Of new public definitions, 0..1. */
    new: number;
  };
  docs: { warnings: 'error' | 'allow' };
  /** A step that fetches the app's own repository: what serves then is not what was checked. */
  dockerfile: { clonesItself: 'error' | 'allow' };
  tests: {
    /** The share of main's executed tests that may be missing, 0..1. */
    fewer: number;
  };
};

export const defaultRules: GateRules = {
  style: { new: 0 },
  coverage: { patch: 0.8, patchFloor: 20, slackPoints: 0.5, min: null },
  docstrings: { new: 1 },
  docs: { warnings: 'error' },
  dockerfile: { clonesItself: 'allow' },
  tests: { fewer: 0.2 },
};
