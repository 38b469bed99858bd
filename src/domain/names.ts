// What people type, parsed once at the edge. Each parser returns the branded value or throws `bad-name`, `bad-env` …
// with what to do; the rules follow what DNS labels, git refs and the environment can hold.

import { fail } from './errors.ts';
import type { Brand } from './ids.ts';

export type AppName = Brand<'app-name'>;
export type Hostname = Brand<'hostname'>;
export type BranchName = Brand<'branch'>;
export type EnvKey = Brand<'env-key'>;

/** Names that are addresses of the platform, or that people would take for it. */
const reservedAppNames = [
  'lockstep',
  'www',
  'api',
  'admin',
  'docs',
  'git',
  'localhost',
  'static',
  'status',
  'mail',
] as const;

const appNamePattern = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/**
 * An app's name: 1 to 40 characters, a DNS label without `--` (which separates branch previews).
 * @throws bad-name
 */
export function parseAppName(text: string): AppName {
  if (!appNamePattern.test(text) || text.includes('--') || text.startsWith('xn-')) {
    throw fail('bad-name', `"${printable(text)}" cannot be an app's name`, {
      advice: 'Use 1 to 40 of a-z, 0-9 and single "-", starting with a letter and ending with a letter or digit.',
    });
  }
  if ((reservedAppNames as readonly string[]).includes(text)) {
    throw fail('bad-name', `"${text}" is reserved for the platform`, { advice: 'Choose another name.' });
  }
  return text as AppName;
}

/**
 * A host name in its one normal form: lower case, no trailing dot, no port.
 * @throws bad-host
 */
export function parseHostname(text: string): Hostname {
  const name = text.toLowerCase().replace(/\.$/, '');
  const labelsAreFine = name.split('.').every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  if (name.length > 253 || !labelsAreFine) {
    throw fail('bad-host', `"${printable(text)}" is not a host name`, {
      advice: 'Use labels of a-z, 0-9 and "-", joined by dots.',
    });
  }
  return name as Hostname;
}

/**
 * A branch's short name (no `refs/heads/`), by the rules of git-check-ref-format(1).
 * @throws bad-ref
 */
export function parseBranch(text: string): BranchName {
  const forbidden = /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\.lock(?:\/|$)|(?:^|\/)\.|\.$|\/$|^\/|^-|^@$/;
  if (text === '' || text.length > 200 || !text.isWellFormed() || forbidden.test(text)) {
    throw fail('bad-ref', `"${printable(text)}" cannot be a branch name`, {
      advice: 'See git-check-ref-format for the rules.',
    });
  }
  return text as BranchName;
}

/** The branch that a full ref names; null when it is of another kind, or has a name that we do not take. */
export function branchOfRef(ref: string): BranchName | null {
  if (!ref.startsWith('refs/heads/')) return null;
  try {
    return parseBranch(ref.slice('refs/heads/'.length));
  } catch {
    return null;
  }
}

/** Keys that Lockstep itself sets for every instance. */
const platformEnvKeys = ['PORT', 'GIT_REV', 'LOCKSTEP_RELEASE', 'LOCKSTEP_APP', 'LOCKSTEP_INSTANCE'] as const;

/**
 * The name of an environment variable (POSIX: letters, digits, `_`, not starting with a digit).
 * @throws bad-env
 */
export function parseEnvKey(text: string): EnvKey {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(text)) {
    throw fail('bad-env', `"${printable(text)}" cannot be the name of a variable`, {
      advice: 'Use letters, digits and "_", not starting with a digit.',
    });
  }
  if ((platformEnvKeys as readonly string[]).includes(text) || text.startsWith('LOCKSTEP_')) {
    throw fail('bad-env', `${text} is set by Lockstep itself`, { advice: 'Choose another name.' });
  }
  return text as EnvKey;
}

/** The most bytes one value may hold: Linux's MAX_ARG_STRLEN (128 KiB) less room for the key. */
const envValueBytes = 120 * 1024;

/** The most bytes that all variables of an app may hold: half of what Linux passes to a program, arguments included. */
export const configBytes = 1024 * 1024;

/**
 * The value of an environment variable, byte for byte.
 * @throws bad-env for NUL, which no environment can hold, for half a character (it has no bytes), and for more than `envValueBytes`
 */
export function parseEnvValue(key: EnvKey, text: string): string {
  if (text.includes('\0'))
    throw fail('bad-env', `the value of ${key} holds a NUL byte`, {
      advice: 'No environment can hold one; encode it (base64).',
    });
  if (!text.isWellFormed())
    throw fail('bad-env', `the value of ${key} holds half of a surrogate pair, which has no bytes`, {
      advice: 'Send well-formed Unicode; encode bytes that are no text (base64).',
    });
  if (Buffer.byteLength(text) > envValueBytes) {
    throw fail('bad-env', `the value of ${key} is larger than ${envValueBytes} bytes`, {
      advice: 'Keep it in a file in a volume.',
    });
  }
  return text;
}

/** Untrusted text made safe to show on a terminal: control characters become `?`, and it is cut at 80. */
export function printable(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
  return clean.length > 80 ? `${clean.slice(0, 77)}...` : clean;
}

/** Untrusted text as a JSON string that is safe to show on a terminal, whole: control and direction characters are escaped. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    [...found].map((one) => `\\u{${one.codePointAt(0)!.toString(16)}}`).join(''),
  );
}
