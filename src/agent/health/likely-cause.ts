// Why did it not start? From the facts and the last log lines to one line of advice. A list of rules, first match wins.
import type { Listener, PortHolder } from './listeners.ts';

export type StartFacts = {
  /** null while it runs. */
  exit: { code: number | null; signal: string | null } | null;
  isOutOfMemory: boolean;
  ranMs: number;
  /** PORT as given. */
  port: number;
  /** Where it is reached, when it has a network of its own. */
  host?: string | null;
  /** What its processes listen on. */
  listeners: readonly Listener[];
  /** Ports that its last lines name, and who else listens on them. */
  held: readonly PortHolder[];
  /** The last status that a probe got. */
  status: number | null;
};

type Rule = (facts: StartFacts, log: string) => string | null;

const rules: readonly Rule[] = [
  (facts, log) =>
    facts.isOutOfMemory || (facts.exit !== null && /MemoryError|heap out of memory|Cannot allocate memory/.test(log))
      ? 'It ran out of memory: raise limits.memory in lockstep.yml, or start fewer workers.'
      : null,
  (_facts, log) => {
    const name = last(
      log,
      /(?:ModuleNotFoundError: No module named|Cannot find (?:module|package)) ['"]([^'"]+)['"]/g,
    )?.[1];
    return name === undefined
      ? null
      : `The module "${name}" is not installed: add it to the requirements, or correct the import.`;
  },
  (_facts, log) => {
    if (!/\b(?:SyntaxError|IndentationError|TabError)\b/.test(log)) return null;
    const place = last(log, /File "([^"]+)", line (\d+)/g);
    return place === null ? 'A syntax error in the source.' : `A syntax error in ${place[1]}:${place[2]}.`;
  },
  (facts, log) => {
    if (!isInUse(log)) return null;
    const holders = facts.held.map(({ port, pid, comm }) => `port ${port} is held by process ${pid} (${comm})`);
    const what = ['The address that it binds is in use', ...holders].join(': ');
    return `${what}; bind $PORT (${facts.port}), not a fixed port.`;
  },
  (_facts, log) => {
    const path =
      last(
        log,
        /(?:Permission denied|Read-only file system)[^\n]*?['"][^'"\n]*\/trees\/[0-9a-f]{40,64}\/([^'"\n]+)['"]/g,
      )?.[1] ?? null;
    if (path === null && !/attempt to write a readonly database|unable to open database file/.test(log)) return null;
    const what = path === null ? 'a database' : path;
    return `It writes ${what} into its own source, which is read-only: declare the folder as a volume in lockstep.yml (volumes: { data: FOLDER }).`;
  },
  (facts, log) =>
    facts.host && /Read-only file system|EROFS/.test(log)
      ? 'It writes into its image, which is read-only: write below /tmp, or declare the folder as a volume in lockstep.yml (volumes: { data: FOLDER }).'
      : null,
  (facts) =>
    facts.exit?.code === 127
      ? 'The command was not found: correct the Procfile, or add the program to the requirements.'
      : null,
  (facts) =>
    facts.exit?.code === 0
      ? 'It ended without an error: the web process must stay in the foreground and serve on $PORT.'
      : null,
  (facts) => {
    const one =
      facts.exit === null
        ? facts.listeners.find((each) => each.port === facts.port && !isReachable(each, facts.host ?? null))
        : undefined;
    if (one === undefined) return null;
    return `It listens on ${one.address} only: bind 0.0.0.0${facts.host ? ', nobody outside of its container reaches it there' : ' or 127.0.0.1'}.`;
  },
  (facts) => {
    const isApart = facts.exit === null && facts.host && facts.listeners.length > 0;
    if (!isApart || facts.listeners.some((one) => isReachable(one, facts.host!))) return null;
    const [{ address, port }] = facts.listeners as [Listener];
    return `It listens on ${address}:${port} only: bind 0.0.0.0, nobody outside of its container reaches it there.`;
  },
  (facts) => {
    const ports = [...new Set(facts.listeners.map((one) => one.port))];
    if (facts.exit !== null || ports.length === 0 || ports.includes(facts.port)) return null;
    return `It listens on ${ports.join(', ')}, not on $PORT (${facts.port}).`;
  },
  (facts) =>
    facts.status !== null && facts.status >= 500
      ? `It answers ${facts.status}: see its log; a health path can be set in lockstep.yml.`
      : null,
  (facts) =>
    facts.exit === null && facts.listeners.length === 0
      ? `It never listened: serve HTTP on $PORT (${facts.port}).`
      : null,
];

export const isInUse = (log: string): boolean => /EADDRINUSE|[Aa]ddress already in use|Connection in use/.test(log);

/** One line of advice, or null when nothing fits. */
export function likelyCause(facts: StartFacts, logTail: readonly string[]): string | null {
  const log = logTail.join('\n');
  for (const rule of rules) {
    const advice = rule(facts, log);
    if (advice !== null) return advice;
  }
  return null;
}

/** @param host where it is reached; null: on this machine's loopback */
export function isReachable(one: Listener, host: string | null): boolean {
  if (host !== null) return ['0.0.0.0', '::', host].includes(one.address);
  return (
    one.address === '0.0.0.0' || one.address.startsWith('127.0.0.1') || one.address === '::' || one.address === '::1'
  );
}

function last(text: string, pattern: RegExp): RegExpExecArray | null {
  return [...text.matchAll(pattern)].at(-1) ?? null;
}
