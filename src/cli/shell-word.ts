// Quoting for sh: only for text that sh itself will read (git's helper setting) or that a person may paste.

/** One word for sh, whatever is in it. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The same, left bare when nothing in it means anything to sh. */
export function pasteWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : shellWord(text);
}
