// What an engine says when a registry gave it nothing: it has one error for all of it, told apart by the registry's own words.

/** The registry, or what lies between: it may be back in a moment. Everything else is its answer, which asking again does not change. */
const away =
  /connection refused|no such host|i\/o timeout|deadline exceeded|Client\.Timeout|network is unreachable|no route to host|connection reset|server misbehaving|TLS handshake|unexpected EOF|: EOF$|toomanyrequests|too many requests|50[0234]|server gave HTTP response|received unexpected HTTP status/i;

const refused =
  /unauthorized|denied|forbidden|manifest unknown|not found|name unknown|no matching manifest|invalid reference|unsupported|no basic auth/i;

export type RegistryTrouble = 'away' | 'refused' | null;

/** null: it is not about a registry. */
export function registryTrouble(message: string): RegistryTrouble {
  if (refused.test(message)) return 'refused';
  return away.test(message) ? 'away' : null;
}

/** `X-Registry-Auth` as the engine wants it. */
export function registryAuth(login: { username: string; password: string } | null, host: string): string {
  const { username, password } = login ?? { username: '', password: '' };
  // Docker Hub is known by the address of before.
  const serveraddress = host === 'docker.io' ? 'https://index.docker.io/v1/' : host;
  const text = Buffer.from(JSON.stringify({ username, password, serveraddress })).toString('base64');
  // Its decoder wants the alphabet of addresses, and the padding: without, it asks as nobody and says nothing.
  return text.replaceAll('+', '-').replaceAll('/', '_');
}
