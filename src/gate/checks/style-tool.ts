// Which style tool an app is configured for. A nearly empty configuration is one: it comes before our own choice.
import type { GateFacts } from '../check.ts';

export type StyleTool = { tool: 'ruff' | 'flake8' | 'pycodestyle' | 'pep8'; file: string | null };

/** Which tool the app configured, and where; `pep8` when it configured none. */
export function styleTool(facts: GateFacts): StyleTool {
  const has = (file: string, section: RegExp) => section.test(facts.texts.get(file) ?? '');
  for (const file of ['ruff.toml', '.ruff.toml']) if (facts.paths.includes(file)) return { tool: 'ruff', file };
  if (has('pyproject.toml', /^\s*\[tool\.ruff[\].]/m)) return { tool: 'ruff', file: 'pyproject.toml' };
  const ini = ['setup.cfg', 'tox.ini', '.flake8'];
  for (const file of ini) if (has(file, /^\[flake8\]/m)) return { tool: 'flake8', file };
  for (const file of ini) if (has(file, /^\[(?:pycodestyle|pep8)\]/m)) return { tool: 'pycodestyle', file };
  return { tool: 'pep8', file: null };
}
