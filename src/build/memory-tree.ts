// A tree in memory, for tests. A value is a text, or `{ link }` for a symbolic link.

import type { TreeView } from './tree-view.ts';

export function memoryTree(files: Readonly<Record<string, string | { link: string }>>): TreeView {
  const entries = Object.entries(files).map(([path, value]) => ({
    path,
    mode: typeof value === 'string' ? '100644' : '120000',
    bytes: Buffer.from(typeof value === 'string' ? value : value.link),
  }));
  return {
    list: () => entries,
    async read(path, maxBytes) {
      const bytes = entries.find((entry) => entry.path === path)?.bytes;
      return bytes === undefined || bytes.length > maxBytes ? null : bytes;
    },
  };
}
