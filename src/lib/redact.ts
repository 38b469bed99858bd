// Masks the values of secrets in what an app or a job prints. Very short values are left: masking "1" would hide all.
const shortestSecret = 6;

/** A function that replaces each known value (also percent-encoded, base64, JSON-escaped, and line by line) by `[redacted]`. */
export function makeRedactor(secrets: Iterable<string>): (text: string) => string {
  const forms = new Set<string>();
  for (const secret of secrets) {
    for (const part of [secret, ...secret.split(/\r?\n/)]) {
      if (part.length < shortestSecret) continue;
      for (const form of [
        part,
        percentEncoded(part),
        Buffer.from(part).toString('base64'),
        JSON.stringify(part).slice(1, -1),
      ])
        forms.add(form);
    }
  }
  if (forms.size === 0) return (text) => text;
  // Longest first: a value that holds another one is masked whole.
  const sorted = [...forms].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(sorted.map((form) => form.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'g');
  return (text) => text.replace(pattern, '[redacted]');
}

/** A lone surrogate has no percent-encoding. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
