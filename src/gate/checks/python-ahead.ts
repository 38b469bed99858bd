// Which of Python's checks may be started ahead of their tree, and what their runners need for it.
import { readFileSync } from 'node:fs';
import type { CheckPlan, GateFacts } from '../check.ts';

const runnerFile = new URL('../runners/ahead.py', import.meta.url);
/** What Python is told by these is the same wherever it starts; by others it may find the app's own code at its start. */
const harmless = ['PYTHONDONTWRITEBYTECODE', 'PYTHONHASHSEED', 'PYTHONUNBUFFERED', 'PYTHONUTF8', 'PYTHONIOENCODING'];
const steersPython = (name: string): boolean => /^(?:PYTHON|COV|LD_|PWD$)/.test(name) && !harmless.includes(name);

export function startAhead({ testEnv }: Pick<GateFacts, 'testEnv'>): {
  ahead?: Pick<CheckPlan, 'ahead'>;
  aheadFiles?: Readonly<Record<string, string>>;
} {
  if (Object.keys(testEnv).some(steersPython)) return {};
  return { ahead: { ahead: ['--begin', '{begin}'] }, aheadFiles: { 'ahead.py': readFileSync(runnerFile, 'utf8') } };
}
