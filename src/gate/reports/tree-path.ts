// A path that a tool printed, as a path in the tree.

/**
 * `./a/b.py`, `/place/a/b.py` with `root` "/place" and `a/b.py` become `a/b.py`; null for whatever lies outside of the
 * tree or cannot be a path.
 */
export function treePath(path: string, root: string | null = null): string | null {
  let rest = path.replace(/^file:\/\//, '');
  if (root && rest.startsWith(`${root}/`)) rest = rest.slice(root.length + 1);
  rest = rest.replace(/^(?:\.\/)+/, '');
  if (rest === '' || rest.length > 4096 || rest.startsWith('/') || rest.includes('\0')) return null;
  if (rest.split('/').includes('..')) return null;
  return rest;
}
