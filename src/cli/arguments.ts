// A command line, taken apart: what `parse-argv.ts` makes of it, and a session reads.
export type Arguments = {
  words: readonly string[];
  flags: ReadonlySet<string>;
  texts: ReadonlyMap<string, string>;
};
