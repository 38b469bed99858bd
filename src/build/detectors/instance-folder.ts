// Flask's instance folder: where its documentation has an application keep what it writes (a SQLite file, uploads). A
// release is read-only and goes with the next one, so this folder becomes a volume. A tree that has files of its own there
// keeps them, and gets none.
import { readSource, type TreeView } from '../tree-view.ts';
import { appSources, withoutDocstrings } from './callables.ts';

const namesFolder = /\binstance_relative_config\s*=\s*True\b|\.instance_path\b/;
/** Flask-SQLAlchemy puts a relative SQLite file there. */
const sqlalchemy = /\bflask_sqlalchemy\b/;
const relativeFile = /["']sqlite:\/\/\/(?![/:])[^"']+["']/;
const placeholder = /\/\.(?:gitkeep|gitignore|keep)$/;

/** Its path in the tree as Flask finds it: beside the outermost package. null: the app does not use one. */
export async function findInstanceFolder(view: TreeView): Promise<string | null> {
  const paths = appSources(view);
  let from: string | null = null;
  let hasSqlalchemy = false;
  let fileFrom: string | null = null;
  for (const path of paths) {
    const code = withoutDocstrings((await readSource(view, path)) ?? '');
    if (namesFolder.test(code)) from ??= path;
    if (relativeFile.test(code)) fileFrom ??= path;
    hasSqlalchemy ||= sqlalchemy.test(code);
  }
  from ??= hasSqlalchemy ? fileFrom : null;
  if (from === null) return null;
  const folder = from.startsWith('src/') ? 'src/instance' : 'instance';
  const isTaken = view
    .list()
    .some(({ path }) => path === folder || (path.startsWith(`${folder}/`) && !placeholder.test(path)));
  return isTaken ? null : folder;
}
