// What can be wrong between what the store says and what is, as a closed list: the doctor, `status` and the docs name problems
// by these codes. `isFixable`: there is one right answer, which `doctor --fix` brings about; everything else is left to
// people, and the advice says what to do. `isDrift`: what serves is, or may be, another thing than what is on main.
import type { EngineState } from './engine.ts';
import type { AppName } from './names.ts';

type ProblemEntry = { isFixable: boolean; isDrift: boolean; advice: string };

/** In the order in which they are told; `{app}` in an advice stands for the app's name. */
export const problemRegistry = {
  'agent-away': {
    isFixable: false,
    isDrift: true,
    advice: 'Start Lockstep again (lockstep up); apps go on meanwhile.',
  },
  'router-away': {
    isFixable: false,
    isDrift: true,
    advice: 'It is started again by itself within a second; if it stays away, see logs/router.log in the home.',
  },
  'database-damaged': {
    isFixable: false,
    isDrift: false,
    advice: 'Stop Lockstep and bring back the last good copy of control/lockstep.db; apps go on meanwhile.',
  },
  'disk-low': { isFixable: false, isDrift: false, advice: 'Free space on the disk of the home, before pushes fail.' },
  'main-unreadable': {
    isFixable: false,
    isDrift: true,
    advice: 'See what git says of the repository in control/repos; bring it back from a backup.',
  },
  'main-gone': { isFixable: true, isDrift: true, advice: 'lockstep doctor --fix puts main back to what is live.' },
  'main-moved': {
    isFixable: true,
    isDrift: true,
    advice:
      'lockstep doctor --fix puts main back to what is live. What it was moved to can be pushed, and is judged then.',
  },
  'main-ambiguous': {
    isFixable: false,
    isDrift: true,
    advice: 'Decide which commit is to be live, and push it (-a {app}), or roll back to the one that was.',
  },
  'nothing-live': { isFixable: false, isDrift: true, advice: 'Push main again: lockstep push -a {app}.' },
  'artifact-unknown': { isFixable: false, isDrift: true, advice: 'Push main again: lockstep push -a {app}.' },
  'repository-unguarded': {
    isFixable: true,
    isDrift: false,
    advice: 'lockstep doctor --fix writes hooks and configuration anew.',
  },
  'repository-broken': {
    isFixable: false,
    isDrift: false,
    advice:
      'Objects of main are missing: push them again from a clone that has them, or bring the repository back from a backup.',
  },
  'served-files-changed': {
    isFixable: true,
    isDrift: true,
    advice: 'lockstep doctor --fix writes the files anew from main and restarts the app.',
  },
  'served-files-missing': {
    isFixable: true,
    isDrift: true,
    advice: 'lockstep doctor --fix writes the files anew from main and restarts the app.',
  },
  'served-files-open': {
    isFixable: true,
    isDrift: false,
    advice: 'lockstep doctor --fix writes the files anew, closed to everybody who must not write them.',
  },
  'served-files-unknown': {
    isFixable: false,
    isDrift: false,
    advice: 'They could not be read to the end within the limits; see the log of the agent.',
  },
  'layer-changed': {
    isFixable: true,
    isDrift: true,
    advice: 'lockstep doctor --fix installs the dependencies anew and restarts the app.',
  },
  'layer-missing': {
    isFixable: true,
    isDrift: true,
    advice: 'lockstep doctor --fix installs the dependencies anew and restarts the app.',
  },
  'gate-layer-changed': {
    isFixable: true,
    isDrift: false,
    advice: 'lockstep doctor --fix gives it up; the next push installs anew what checks run with.',
  },
  'not-wanted': {
    isFixable: true,
    isDrift: true,
    advice: 'lockstep doctor --fix tells the agent again what is live.',
  },
  'not-running': {
    isFixable: false,
    isDrift: true,
    advice: 'See why: lockstep logs -a {app}. It is started again by itself, ever more slowly.',
  },
  'process-gone': { isFixable: true, isDrift: true, advice: 'lockstep doctor --fix restarts the app.' },
  'process-swapped': {
    isFixable: true,
    isDrift: true,
    advice:
      'lockstep doctor --fix restarts the app with processes and a port of its own; end the other process yourself.',
  },
  'wrong-identity': { isFixable: true, isDrift: true, advice: 'lockstep doctor --fix restarts the app.' },
  'route-missing': {
    isFixable: true,
    isDrift: true,
    advice: 'lockstep doctor --fix gives the router its routes again.',
  },
  'route-wrong': { isFixable: true, isDrift: true, advice: 'lockstep doctor --fix gives the router its routes again.' },
  'containers-cut-off': {
    isFixable: false,
    isDrift: false,
    advice:
      'Restart the engine (systemctl restart docker), which writes its rules anew; have the firewall start before it, and reload it with care.',
  },
  'folder-open': {
    isFixable: true,
    isDrift: false,
    advice: 'lockstep doctor --fix gives the folder its owner and its mode again.',
  },
  'change-stuck': {
    isFixable: false,
    isDrift: false,
    advice: 'Nobody works on it any more: restart Lockstep, and the next start ends it with a reason.',
  },
  'left-over': { isFixable: true, isDrift: false, advice: 'lockstep doctor --fix removes it.' },
  'stray-process': { isFixable: true, isDrift: false, advice: 'lockstep doctor --fix ends it.' },
  'unknown-repository': {
    isFixable: false,
    isDrift: false,
    advice:
      'No app has this repository, and none was destroyed: look into control/repos, and remove it if nobody needs it.',
  },
  'unknown-volumes': {
    isFixable: false,
    isDrift: false,
    advice:
      'No app has these volumes, and none was destroyed: look into apps/ in the home, and remove them if nobody needs them.',
  },
} as const satisfies Record<string, ProblemEntry>;

export type ProblemCode = keyof typeof problemRegistry;

/** `app` null: of no app that there is. `what` is one sentence, with what was found. */
export type Problem = { code: ProblemCode; app: AppName | null; what: string; advice: string; isFixable: boolean };

/** One kind of thing that was looked at, and how many of them. */
export type Checked = { what: string; count: number };

export type DoctorReport = {
  problems: readonly Problem[];
  checked: readonly Checked[];
  /** What people should know and need not mend: limits that do not hold here, volumes that a destroyed app left. */
  notes: readonly string[];
  machine: {
    version: string;
    agent: string | null;
    git: string | null;
    node: string;
    interpreters: readonly string[];
    tools: readonly string[];
    enforcement: Readonly<Record<string, unknown>>;
    disk: { freeBytes: number; totalBytes: number } | null;
    /** The container engine: what it is, or why there is none and what helps. null: the agent does not say. */
    engine: { state: EngineState; what: string; advice: string | null } | null;
  };
  durationMs: number;
};

/** What `--fix` did, and what is left after it. */
export type DoctorRepair = {
  fixed: readonly { code: ProblemCode; app: AppName | null; what: string }[];
  report: DoctorReport;
};

/** A problem of the list: `problem('main-moved', 'blog', 'main is 1a2b3c4, live is 5d6e7f8')`. */
export function problem(code: ProblemCode, app: AppName | null, what: string): Problem {
  const { advice, isFixable } = problemRegistry[code];
  return { code, app, what, advice: advice.replaceAll('{app}', app ?? 'NAME'), isFixable };
}

export const isDrift = ({ code }: Pick<Problem, 'code'>): boolean => problemRegistry[code].isDrift;
