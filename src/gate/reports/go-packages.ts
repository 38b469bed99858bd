// Import paths of Go as folders of the tree: each module of the repository says which path its folder has.

export type GoModule = {
  /** "example.org/hello", as its go.mod says. */
  path: string;
  /** '' or a folder with its last slash. */
  folder: string;
};

/** The folder of a package, with its last slash; null for one of no module here. */
export function goFolder(name: string, modules: readonly GoModule[]): string | null {
  const plain = name.replace(/_test$/, '');
  let best: GoModule | null = null;
  for (const one of modules) {
    if (plain !== one.path && !plain.startsWith(`${one.path}/`)) continue;
    if (best === null || one.path.length > best.path.length) best = one;
  }
  if (best === null) return null;
  const inside = plain.slice(best.path.length + 1);
  return `${best.folder}${inside === '' ? '' : `${inside}/`}`;
}

/** What the `module` line of a go.mod names; null when there is none. */
export function goModulePath(text: string): string | null {
  const match = /^module[ \t]+(?:"([^"\n]{1,500})"|([^\s"/][^\s]{0,499}))/m.exec(text);
  return match ? (match[1] ?? match[2] ?? null) : null;
}
