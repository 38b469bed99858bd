// Where the registry's notifications go: to the bench, which hands each on as it came when the clock of one side begins.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Notice = { body: string; type: string };

const waitMs = 20_000;

export class Notices implements AsyncDisposable {
  readonly #server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    response.end();
    if (saysPushOf(this.#repository, body))
      this.#came.push({ body, type: request.headers['content-type'] ?? 'application/json' });
  });
  readonly #came: Notice[] = [];
  readonly #repository: string;

  private constructor(repository: string) {
    this.#repository = repository;
  }

  /** Of pushes to one repository: pulls and parts of a push are no news. */
  static async open(repository: string): Promise<Notices> {
    const notices = new Notices(repository);
    await new Promise<void>((resolve) => notices.#server.listen(0, '127.0.0.1', resolve));
    return notices;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** The notice of what is pushed by `push`. */
  async of(push: () => Promise<unknown>): Promise<Notice> {
    this.#came.length = 0;
    await push();
    for (const end = performance.now() + waitMs; this.#came.length === 0; await sleep(2))
      if (performance.now() > end) throw new Error('the registry said nothing of a push');
    return this.#came[0]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Whether a notification of Distribution tells of a tag that was pushed to the repository. */
export function saysPushOf(repository: string, body: string): boolean {
  const { events = [] } = JSON.parse(body) as {
    events?: { action?: string; target?: { repository?: string; tag?: string } }[];
  };
  return events.some(
    ({ action, target }) => action === 'push' && target?.repository === repository && target.tag !== undefined,
  );
}
