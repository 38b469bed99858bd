// What a stage's platform is asked over HTTP: an app's page as a visitor gets it, and the public API as its owner does.
import { type Agent, request } from 'node:http';
import { StagePlatform } from './stage-platform.ts';
import { untilSo } from './until.ts';

export type Page = { status: number; body: string; headers: Record<string, string | string[] | undefined> };

/** An answer of the public API; its shape is what the tests assert. */
// biome-ignore lint/suspicious/noExplicitAny: the tests look into it as a stranger does
export type Json = any;

export class StageAsker extends StagePlatform {
  get(app: string, path = '/', agent: Agent | null = null): Promise<Page> {
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          host: '127.0.0.1',
          port: this.port,
          path,
          headers: { host: `${app}.localhost:${this.port}` },
          agent: agent ?? false,
          timeout: 20_000,
        },
        (response) => {
          let body = '';
          response.on('data', (chunk: Buffer) => {
            body += chunk.toString();
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
          response.on('error', reject);
        },
      );
      asked.on('timeout', () => asked.destroy(new Error('timed out')));
      asked.on('error', reject);
      asked.end();
    });
  }

  /** The change that was proposed last. */
  async lastChange(app: string): Promise<Json> {
    return (await this.api(`/apps/${app}/changes?limit=1`)).body.items[0];
  }

  /** Resolves when the change that was proposed last is so. */
  async untilChange(app: string, state: string, limitMs = 30_000): Promise<void> {
    let seen: unknown = 'nothing';
    await untilSo(
      async () => {
        seen = (await this.lastChange(app))?.state;
        return seen === state;
      },
      limitMs,
      () => `the last change of ${app} is ${seen}, not ${state}`,
    );
  }

  async api(
    path: string,
    init: { method?: string; body?: unknown; token?: string } = {},
  ): Promise<{ status: number; body: Json }> {
    const response = await fetch(`${this.ready.url}/api/v1${path}`, {
      method: init.method ?? 'GET',
      headers: {
        authorization: `Bearer ${init.token ?? this.token}`,
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    });
    const text = await response.text();
    // The router says in words that control is away.
    if (text !== '' && !/json/.test(response.headers.get('content-type') ?? ''))
      throw new Error(`${path} was answered ${response.status}: ${text}\n${this.logs()}\n${this.upStderr}`);
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  async status(app: string): Promise<Json> {
    return (await this.api(`/apps/${app}/status`)).body;
  }

  /** Waits until the app is IN SYNC. */
  async inSync(app: string, limitMs = 30_000): Promise<Json> {
    let last: Json = null;
    await untilSo(
      async () => {
        last = await this.status(app).catch(() => null);
        return last?.state === 'IN SYNC';
      },
      limitMs,
      () => `${app} is not in sync: ${JSON.stringify(last)}\n${this.logs()}\n${this.upStderr}`,
    );
    return last;
  }
}
