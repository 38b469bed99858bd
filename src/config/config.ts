// Environment and flags, read in one place into one frozen record. All problems are reported together, each with the
// setting, the value and the remedy. Everything on disk lives under `home`; paths are made from ids here and nowhere else.
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fail } from '../domain/errors.ts';
import { parseHostname, printable } from '../domain/names.ts';

export type Config = Readonly<{
  home: string;
  /** The router's public port. */
  port: number;
  /** 127.0.0.1 unless `--public`. */
  bindAddress: string;
  /** Apps are `<app>.<base>`. */
  base: string;
  isRoot: boolean;
  /** The largest pack that a push may send. */
  maxPushBytes: number;
  /** How many rows of each kind an app keeps in the store, where it is not the default. */
  keepRows: Readonly<Record<string, number>>;
  /** Where senders of notices may want to hear how it ended, besides Docker Hub; whole origins. */
  callbackOrigins: readonly string[];
  /** The program of the registry that is run here; null: none is. */
  registryProgram: string | null;
  /** Where the processes meet; under `home`, and short enough for sun_path. */
  sockets: Readonly<{ control: string; agent: string; router: string }>;
}>;

export type Flags = { home?: string; port?: string; base?: string; isPublic?: boolean };

/** unix(7): sun_path holds 108 bytes with its end. */
const socketPathBytes = 107;

/** The rows whose number can be set (store/retention.ts says what each of them counts). */
export const keepableRows: readonly string[] = [
  'events',
  'changes',
  'verdicts',
  'receipts',
  'releases',
  'configVersions',
];

const defaultMaxPushBytes = 512 * 2 ** 20;

/** `/var/lib/lockstep` as root, else `~/.lockstep`. */
export function defaultHome(isRoot: boolean, userHome = homedir()): string {
  return isRoot ? '/var/lib/lockstep' : join(userHome, '.lockstep');
}

/**
 * Flags win over `LOCKSTEP_HOME`, `LOCKSTEP_PORT`, `LOCKSTEP_BASE`, which win over the defaults.
 * `LOCKSTEP_MAX_PUSH_BYTES`, `LOCKSTEP_KEEP_ROWS` (`changes=5000,events=20000`) and `LOCKSTEP_CALLBACKS` (origins, with commas
 * between them) have no flag, nor has `LOCKSTEP_REGISTRY` (`on`, or the program's path).
 * @throws bad-request naming every setting that is wrong
 */
export function readConfig(flags: Flags, env: Readonly<Record<string, string | undefined>>, isRoot: boolean): Config {
  const problems: string[] = [];
  const home = resolve(flags.home ?? env.LOCKSTEP_HOME ?? defaultHome(isRoot));
  const portText = flags.port ?? env.LOCKSTEP_PORT ?? '8080';
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port > 65_535)
    problems.push(`port: "${printable(portText)}" is not a number from 0 to 65535`);
  const baseText = flags.base ?? env.LOCKSTEP_BASE ?? 'localhost';
  let base = 'localhost';
  try {
    base = parseHostname(baseText);
  } catch {
    problems.push(`base: "${printable(baseText)}" is not a host name`);
  }
  const pushText = env.LOCKSTEP_MAX_PUSH_BYTES ?? String(defaultMaxPushBytes);
  const maxPushBytes = Number(pushText);
  if (!/^\d{1,13}$/.test(pushText) || maxPushBytes < 2 ** 16)
    problems.push(`LOCKSTEP_MAX_PUSH_BYTES: "${printable(pushText)}" is not a number of bytes, at least ${2 ** 16}`);
  const keepRows: Record<string, number> = {};
  for (const part of (env.LOCKSTEP_KEEP_ROWS ?? '').split(',').filter((one) => one !== '')) {
    const [, name, count] = /^([a-zA-Z]+)=(\d{1,9})$/.exec(part) ?? [];
    if (name === undefined || !keepableRows.includes(name) || Number(count) < 10)
      problems.push(
        `LOCKSTEP_KEEP_ROWS: "${printable(part)}" is not one of ${keepableRows.join(', ')}, = and a number, at least 10`,
      );
    else keepRows[name] = Number(count);
  }
  const callbackOrigins = (env.LOCKSTEP_CALLBACKS ?? '').split(',').filter((one) => one !== '');
  for (const origin of callbackOrigins)
    if (!/^https?:/.test(origin) || !URL.canParse(origin) || new URL(origin).origin !== origin)
      problems.push(`LOCKSTEP_CALLBACKS: "${printable(origin)}" is no origin, like https://registry.example.org`);
  const registryText = env.LOCKSTEP_REGISTRY ?? '';
  const registryProgram =
    registryText === 'on' ? '/usr/bin/docker-registry' : registryText === '' ? null : registryText;
  if (registryProgram !== null && !isAbsolute(registryProgram))
    problems.push(`LOCKSTEP_REGISTRY: "${printable(registryText)}" is neither "on" nor the path of docker-registry`);
  if (!isAbsolute(home) || /[\0\n]/.test(home)) problems.push(`home: "${printable(home)}" is not a path`);
  const socket = (name: string) => join(home, 'run', `${name}.sock`);
  if (Buffer.byteLength(socket('control')) > socketPathBytes) {
    problems.push(
      `home: its path is too long for a Unix socket (${socketPathBytes} bytes with /run/control.sock); choose a shorter one`,
    );
  }
  if (problems.length > 0) {
    throw fail('bad-request', `the settings are not valid: ${problems.join('; ')}`, {
      advice: 'Mend them and start again.',
    });
  }
  return Object.freeze({
    home,
    port,
    bindAddress: flags.isPublic ? '0.0.0.0' : '127.0.0.1',
    base,
    isRoot,
    maxPushBytes,
    keepRows: Object.freeze(keepRows),
    callbackOrigins: Object.freeze(callbackOrigins),
    registryProgram,
    sockets: Object.freeze({ control: socket('control'), agent: socket('agent'), router: socket('router') }),
  });
}
