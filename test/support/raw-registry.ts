// A registry's client that speaks the protocol itself, request by request, so that a test sees and chooses each: tokens, layers, images, tags.
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';

export type Answer = { status: number; body: string; headers: Record<string, string | string[] | undefined> };

export const imageKind = 'application/vnd.oci.image.manifest.v1+json';
export const indexKind = 'application/vnd.oci.image.index.v1+json';
export const digestOf = (bytes: string | Buffer): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** One request, to a port of this machine or a socket. */
export function ask(
  where: { port: number } | { socketPath: string },
  method: string,
  path: string,
  { headers = {}, body = '' }: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = { host: '127.0.0.1', ...where, method, path, timeout: 60_000, agent: false };
    const asked = request(
      { ...sent, headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({
            ...{ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') },
            headers: response.headers,
          }),
        );
      },
    );
    asked.once('timeout', () => asked.destroy(new Error(`${method} ${path} took too long`)));
    asked.once('error', reject);
    asked.end(body);
  });
}

export class RawRegistry {
  readonly #port: number;
  /** An API token; null: nobody. */
  readonly #secret: string | null;

  constructor(port: number, secret: string | null) {
    this.#port = port;
    this.#secret = secret;
  }

  /** Status of the token endpoint's answer, and the token. */
  async token(...scopes: string[]): Promise<{ status: number; token: string }> {
    const query = new URLSearchParams([
      ['service', 'lockstep'],
      ...scopes.map((one): [string, string] => ['scope', one]),
    ]);
    const answer = await ask({ port: this.#port }, 'GET', `/v2/token?${query}`, {
      headers: this.#secret === null ? {} : { authorization: basic(this.#secret) },
    });
    return { status: answer.status, token: answer.status === 200 ? JSON.parse(answer.body).token : '' };
  }

  async ask(
    method: string,
    path: string,
    options: { scope: string; headers?: Record<string, string>; body?: string | Buffer },
  ): Promise<Answer> {
    const { token } = await this.token(options.scope);
    const headers = { ...options.headers, authorization: `Bearer ${token}` };
    return ask({ port: this.#port }, method, path, { ...options, headers });
  }

  /** The digest of a layer that is there now, or the answer that refused it. */
  async layer(repository: string, bytes: Buffer): Promise<string | Answer> {
    const scope = `repository:${repository}:pull,push`;
    const begun = await this.ask('POST', `/v2/${repository}/blobs/uploads/`, { scope });
    if (begun.status !== 202) return begun;
    const digest = digestOf(bytes);
    const at = String(begun.headers.location);
    const ended = await this.ask('PUT', `${at}${at.includes('?') ? '&' : '?'}digest=${digest}`, {
      ...{ scope, body: bytes, headers: { 'content-type': 'application/octet-stream' } },
    });
    return ended.status === 201 ? digest : ended;
  }

  /** @param reference a tag, or a digest */
  manifest(repository: string, reference: string, kind: string, body: string): Promise<Answer> {
    return this.ask('PUT', `/v2/${repository}/manifests/${reference}`, {
      ...{ scope: `repository:${repository}:pull,push`, headers: { 'content-type': kind }, body },
    });
  }

  /** An image of one layer; its digest, or the answer that refused it. @param tag null: none */
  async push(repository: string, tag: string | null, layer: Buffer = randomBytes(1000)): Promise<string | Answer> {
    const config = Buffer.from(
      JSON.stringify({ architecture: 'amd64', os: 'linux', made: randomBytes(8).toString('hex') }),
    );
    const pushed = [await this.layer(repository, layer), await this.layer(repository, config)];
    const refused = pushed.find((one) => typeof one !== 'string');
    if (refused !== undefined) return refused;
    const image = JSON.stringify({
      ...{ schemaVersion: 2, mediaType: imageKind },
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', size: config.length, digest: pushed[1] },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', size: layer.length, digest: pushed[0] }],
    });
    const answer = await this.manifest(repository, tag ?? digestOf(image), imageKind, image);
    return answer.status === 201 ? digestOf(image) : answer;
  }

  /** Status of a look at an image. */
  async has(repository: string, reference: string): Promise<number> {
    const headers = { accept: `${imageKind}, ${indexKind}` };
    const scope = `repository:${repository}:pull`;
    return (await this.ask('GET', `/v2/${repository}/manifests/${reference}`, { scope, headers })).status;
  }
}

export const basic = (secret: string): string => `Basic ${Buffer.from(`any:${secret}`).toString('base64')}`;
