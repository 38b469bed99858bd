// A process that has no descriptor left cannot look at anything. Whoever looks again and again lets such a look go by.

const codes: readonly string[] = ['EMFILE', 'ENFILE'];

/** There was no descriptor to look with: it says nothing of what was looked for. */
export function isUnseen(error: unknown): boolean {
  return codes.includes((error as NodeJS.ErrnoException | null)?.code ?? '');
}

/** What the look sees; null: no descriptor was left for it. Throws whatever else goes wrong. */
export function seen<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    if (isUnseen(error)) return null;
    throw error;
  }
}
