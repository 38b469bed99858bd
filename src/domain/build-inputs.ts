// What a build gets besides its context: arguments, which lockstep.yml says and everybody may read, and secrets, of which lockstep.yml has the
// names and the server the values. A secret's name is the id by which the Dockerfile mounts it.
import { fail } from './errors.ts';
import { printable } from './names.ts';

/** What the builder may ask back while it builds. Never kept, never written down. */
export type BuildAnswers = {
  /** By the names that a Dockerfile has for them. */
  secrets: Readonly<Record<string, string>>;
  /** By the host, as images name it; Docker Hub is docker.io. */
  logins: Readonly<Record<string, { username: string; password: string }>>;
};

/** What is listed of one: its value is in no answer. */
export type KnownBuildSecret = { name: string; actor: string; createdAtMs: number };

/** An app has no more. */
export const mostBuildSecrets = 50;
/** The builder takes 500 KiB; a key or a settings file is far below. */
const buildSecretBytes = 64 * 1024;
/** The installation's certificates, mounted under this id by whoever wants them. */
export const certificatesId = 'lockstep-ca';
/** All of them together, beside a name or two, go to the agent in one line. */
export const buildSecretsBytes = 512 * 1024;

const namePattern = /^[A-Za-z_][\w.-]{0,99}$/;

/** @throws bad-env */
export function parseBuildSecretName(text: string): string {
  if (!namePattern.test(text))
    throw fail('bad-env', `"${printable(text)}" cannot be the name of a build secret`, {
      advice: 'Use up to 100 letters, digits and . _ -, starting with a letter or "_": the id of the mount.',
    });
  if (/^lockstep/i.test(text))
    throw fail('bad-env', `${text}: such names are Lockstep's own`, { advice: 'Choose another name.' });
  return text;
}

/** @throws bad-env for an empty one, and for one that is too large */
export function parseBuildSecret(name: string, text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes > 0 && bytes <= buildSecretBytes && text.isWellFormed()) return text;
  throw fail('bad-env', `the value of ${name} has to have 1 to ${buildSecretBytes} bytes of text`, {
    advice: 'Encode what is no text (base64).',
  });
}

/** Names that are the builder's own, or the installation's to set. */
const reservedArgument = /^(?:BUILDKIT_.*|(?:https?|ftp|all|no)_proxy)$/i;

export const isArgumentName = (text: string): boolean => /^[A-Za-z_]\w{0,99}$/.test(text);
export const isReservedArgument = (name: string): boolean => reservedArgument.test(name);
