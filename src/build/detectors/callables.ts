// Finds WSGI and ASGI objects and factories in Python sources without running them, and ranks them: the first object
// found may be the wrong one, which boots and answers 404 everywhere.

import { posix } from 'node:path';
import { readSource, type TreeView } from '../tree-view.ts';

export type Candidate = { target: string; path: string; score: number; says: string };

const skipped =
  /(?:^|\/)(?:tests?|docs?|examples?|migrations|node_modules|venv|\.[^/]+|build|dist|alembic|scripts)\/|(?:^|\/)(?:test_[^/]*|[^/]*_test|conftest|setup|manage|tests)\.py$/;
const fileScores: Record<string, number> = {
  'wsgi.py': 100,
  'asgi.py': 98,
  'autoapp.py': 95,
  'app.py': 90,
  'application.py': 85,
  '__init__.py': 80,
  'main.py': 78,
  'run.py': 60,
  'server.py': 60,
};

/** The Python files in which an application may be, without its tests, documents and tools. */
export function appSources(view: TreeView): string[] {
  return view
    .list()
    .map(({ path }) => path)
    .filter((path) => path.endsWith('.py') && path.split('/').length <= 4 && !skipped.test(path))
    .slice(0, 400);
}

/** `className` is the framework's class, like "Flask". Best candidate first. */
export async function findCallables(view: TreeView, className: string): Promise<Candidate[]> {
  const paths = appSources(view);
  const candidates: Candidate[] = [];
  const relays: Candidate[] = [];
  let isUsed = false;
  for (const path of paths) {
    const text = await readSource(view, path);
    if (text === null) continue;
    const code = withoutDocstrings(text);
    const made = new RegExp(`\\b(?:${className})\\(`).test(code);
    isUsed ||= made;
    const inside = path.replace(/^src\//, '');
    const module = inside
      .replace(/\.py$/, '')
      .replace(/(?:^|\/)__init__$/, '')
      .replaceAll('/', '.');
    if (!/^[A-Za-z_][\w.]*$/.test(module)) continue;
    const depth = inside.split('/').length - 1 - (path.endsWith('__init__.py') ? 1 : 0);
    const base = (fileScores[posix.basename(path)] ?? 40) - depth * 15;
    const hasRoutes =
      /^@\w+\.(?:route|get|post)\(|\b(?:register_blueprint|add_url_rule|include_router|init_app)\(/m.test(code)
        ? 12
        : 0;
    const add = (to: Candidate[], name: string, score: number, says: string) =>
      to.push({ target: `${module}:${name}`, path, score, says });
    for (const match of code.matchAll(
      new RegExp(`^([A-Za-z_]\\w*)[ \\t]*(?::[^=\\n]+)?=[ \\t]*(?:[A-Za-z_][\\w.]*\\.)?(?:${className})\\(`, 'gm'),
    )) {
      const isUsual = /^(?:app|application)$/.test(match[1]!) ? 5 : 0;
      add(candidates, match[1]!, base + hasRoutes + isUsual, `${path} has ${match[0].trim()}...)`);
    }
    for (const match of code.matchAll(
      /^(?:async )?def ((?:create|make|build|get)_(?:app|application|wsgi|api))\(([^)]*)\)/gm,
    )) {
      const needsArguments = match[2]!
        .split(',')
        .some((one) => one.trim() !== '' && !one.includes('=') && !one.trim().startsWith('*'));
      if (made && !needsArguments)
        add(candidates, `${match[1]}()`, base + hasRoutes - 3, `${path} has the factory ${match[1]}()`);
    }
    for (const match of code.matchAll(
      /^(app|application)[ \t]*=[ \t]*(?:[A-Za-z_][\w.]*\.)?(?:create|make|build|get)_(?:app|application)\(/gm,
    )) {
      add(relays, match[1]!, base + 8, `${path} makes ${match[1]} with a factory`);
    }
    if (/^(?:wsgi|asgi)\.py$/.test(posix.basename(path))) {
      for (const match of code.matchAll(/^from [\w.]+ import (?:[^\n#]*\b)?(application|app)\b/gm))
        add(relays, match[1]!, base, `${path} imports ${match[1]}`);
    }
  }
  return isUsed ? [...candidates, ...relays].sort((a, b) => b.score - a.score || (a.target < b.target ? -1 : 1)) : [];
}

export function withoutDocstrings(text: string): string {
  return text.replace(/("""|''')[\s\S]*?\1/g, '""');
}

/** What lost, for the plan. */
export function losers(candidates: readonly Candidate[], winner: string): string[] {
  return candidates
    .filter(({ target }) => target !== winner)
    .slice(0, 5)
    .map(({ target, says }) => `${target}: ${says}`);
}
