// The part of the agent's own environment that a program needs to reach a package index from here: certificates, proxies,
// the index itself. An allow-list; nothing else of the agent reaches an install step. When pip is configured for an index
// and uv is not, uv is told the same one.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { caBundleOf } from '../../config/build-network.ts';
import { run } from '../../exec/exec.ts';
import { atomicWrite } from '../../lib/atomic-write.ts';
import { isReachable } from './reachable.ts';

type Env = Readonly<Record<string, string>>;

const passed =
  /^(?:SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NODE_EXTRA_CA_CERTS|UV_DEFAULT_INDEX|UV_INDEX(?:_.*)?|UV_EXTRA_INDEX_URL|UV_FIND_LINKS|UV_INSECURE_HOST|UV_SYSTEM_CERTS|UV_NATIVE_TLS|UV_HTTP_TIMEOUT|UV_KEYRING_PROVIDER|PIP_.*|(?:npm_config|NPM_CONFIG)_(?:registry|cafile|proxy|https_proxy|noproxy)|GO(?:PROXY|SUMDB|NOSUMDB|NOPROXY|PRIVATE|INSECURE|AUTH)|(?:HTTPS?|ALL|NO|FTP)_PROXY|(?:https?|all|no|ftp)_proxy)$/;
/** Settings of pip that say where or how it installs, which our steps say themselves. */
const steering =
  /^PIP_(?:TARGET|USER|PREFIX|ROOT|REQUIREMENT|CONSTRAINT|EDITABLE|DRY_RUN|REQUIRE_VIRTUALENV|NO_BINARY|ONLY_BINARY|CACHE_DIR|SRC|PYTHON|LOG)$/;

const certificateFiles = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS', 'PIP_CERT'];

/** The allow-listed variables of `from`; certificates that it names for everything are named to whatever has no others. */
export function passedEnv(from: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const bundle = caBundleOf(from);
  const ofAll = bundle === null ? {} : Object.fromEntries(certificateFiles.map((name) => [name, bundle]));
  const said = Object.entries(from).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && passed.test(entry[0]) && !steering.test(entry[0]),
  );
  return { ...ofAll, ...Object.fromEntries(said) };
}

/**
 * What uv gets: `env` and, from the answer of `pip config list`, what is not said for uv already.
 * A file or folder that is not there is left out.
 */
export function uvEnv(env: Env, pipConfig: string, isThere: (path: string) => boolean = existsSync): Env {
  const of = (key: string): string | null => {
    for (const section of [':env:', 'install', 'global']) {
      const line = pipConfig.split('\n').find((each) => each.startsWith(`${section}.${key}=`));
      if (line !== undefined) return unquote(line.slice(line.indexOf('=') + 1));
    }
    return null;
  };
  const words = (text: string | null): string[] => (text ?? '').split(/\s+/).filter((word) => word !== '');
  const more: Record<string, string> = {};
  const isIndexSaid = ['UV_DEFAULT_INDEX', 'UV_INDEX_URL', 'UV_INDEX'].some((name) => env[name] !== undefined);
  const index = of('index-url');
  const extra = words(of('extra-index-url'));
  if (!isIndexSaid && index !== null) more.UV_DEFAULT_INDEX = index;
  if (!isIndexSaid && extra.length > 0 && env.UV_EXTRA_INDEX_URL === undefined)
    more.UV_EXTRA_INDEX_URL = extra.join(' ');
  const links = words(of('find-links')).filter((link) => /^[a-z]+:\/\//.test(link) || isThere(link));
  if (links.length > 0 && env.UV_FIND_LINKS === undefined) more.UV_FIND_LINKS = links.join(',');
  const hosts = words(of('trusted-host'));
  if (hosts.length > 0 && env.UV_INSECURE_HOST === undefined) more.UV_INSECURE_HOST = hosts.join(' ');
  const certificate = of('cert');
  if (certificate !== null && env.SSL_CERT_FILE === undefined && isThere(certificate)) more.SSL_CERT_FILE = certificate;
  return { ...env, ...more };
}

/**
 * An install step runs as somebody who may not reach the certificates of the agent (under a closed /root): then it gets
 * a copy in `folder`. They are public.
 */
export async function reachableCertificates(env: Env, folder: string): Promise<Env> {
  const changed: Record<string, string> = {};
  for (const name of certificateFiles) {
    const file = env[name];
    if (file === undefined || isReachable(file, 'read')) continue;
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text?.includes('-----BEGIN CERTIFICATE-----') !== true || text.includes('PRIVATE KEY')) continue;
    const copy = join(folder, `certificates-${createHash('sha256').update(text).digest('hex').slice(0, 12)}.pem`);
    await atomicWrite(copy, text, 0o644);
    changed[name] = copy;
  }
  return { ...env, ...changed };
}

/** `pip config list` prints Python's repr of each value. */
function unquote(text: string): string {
  const inner = /^(['"])(.*)\1$/s.exec(text.trim())?.[2];
  return (inner ?? text.trim()).replace(/\\n/g, '\n').replace(/\\(['"\\])/g, '$1');
}

/** What pip says of its configuration; empty where there is no pip. */
export async function askPip(python: string, env: Env): Promise<string> {
  const argv = [python, '-m', 'pip', '--disable-pip-version-check', 'config', 'list'];
  const result = await run(argv, { env, timeoutMs: 30_000 }).catch(() => null);
  return result?.code === 0 ? result.stdout : '';
}

/** The environment of a program that runs as the agent itself: places, and the allow-listed variables. */
export const ownEnv = (): Record<string, string> => ({
  LANG: 'C.UTF-8',
  PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
  ...(process.env.HOME === undefined ? {} : { HOME: process.env.HOME }),
  ...passedEnv(process.env),
});
