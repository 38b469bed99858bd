// Whether containers can reach anything: the engine gives each network a rule that lets it out under the machine's address, and never looks at it
// again. Whoever reloads a firewall and flushes the packet filter with it cuts all containers off until the engine is restarted.
import { existsSync } from 'node:fs';
import { run } from '../../../exec/exec.ts';

const programs = ['/usr/sbin/iptables', '/sbin/iptables'];

/** `none`: the engine has no chain there, which it may be told not to have. */
export type FilterLook<Name> = { state: 'kept' | 'none'; cutOff: readonly Name[] };

/** null: there is no such filter here, or it cannot be read. */
export async function lookAtFilter<Name>(
  networks: readonly { app: Name; subnets: readonly string[] }[],
): Promise<FilterLook<Name> | null> {
  const program = programs.find(existsSync);
  if (program === undefined || process.getuid?.() !== 0) return null;
  const asked = await run([program, '-w', '5', '-t', 'nat', '-S'], { env: {}, timeoutMs: 8000 }).catch(() => null);
  return asked?.code === 0 ? judgeFilter(asked.stdout, networks) : null;
}

/** @param rules of the table `nat`, as `iptables -S` prints them */
export function judgeFilter<Name>(
  rules: string,
  networks: readonly { app: Name; subnets: readonly string[] }[],
): FilterLook<Name> {
  const lines = rules.split('\n');
  if (!lines.some((line) => /^-N DOCKER$/.test(line))) return { state: 'none', cutOff: [] };
  const letOut = new Set(
    lines.flatMap((line) => /^-A POSTROUTING .*?-s (\S+) .*-j (?:MASQUERADE|SNAT)\b/.exec(line)?.[1] ?? []),
  );
  return {
    state: 'kept',
    cutOff: networks.filter(({ subnets }) => subnets.some((one) => !letOut.has(one))).map(({ app }) => app),
  };
}
