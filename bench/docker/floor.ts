// The engine's own floor, over its API and with nothing round it: an image of which the last layer has changed, a container of it, its
// start, and the first answer of the new page. No check, no router, no limit; the container is dialled directly.
import { join } from 'node:path';
import { now } from '../../scripts/demo/ask.ts';
import { watchFor } from '../../scripts/demo/poller.ts';
import type { Page } from '../../scripts/demo/timeline.ts';
import type { Stage } from '../../test/support/stage.ts';
import { engineSays, forgetImage } from '../support/engine.ts';
import { buildOf } from './build.ts';

export type Floor = { buildMs: number; createMs: number; startMs: number; bootMs: number; totalMs: number };

const tag = 'lockstep-bench-floor:latest';
const port = 8080;

export class EngineFloor {
  readonly #socket: string;
  readonly #dockerfile: string;
  readonly #everyMs: number;

  /** `dockerfile`: its text, which is put beside the commit's files; `everyMs`: so often the page is asked for. */
  constructor(stage: Stage, socket: string, dockerfile: string, everyMs: number) {
    this.#socket = socket;
    this.#everyMs = everyMs;
    const folder = join(stage.folder, 'floor');
    stage.write(folder, { Dockerfile: dockerfile });
    this.#dockerfile = join(folder, 'Dockerfile');
  }

  /** With what is committed in `work`, which shows the page. */
  async run(work: string, page: Page): Promise<Floor> {
    const startedAt = now();
    const image = await buildOf(this.#socket, { work, dockerfile: this.#dockerfile, tag });
    const builtAt = now();
    const json = { Image: image, Env: [`PORT=${port}`], HostConfig: { Tmpfs: { '/tmp': '' } } };
    const { Id } = JSON.parse(await this.#say('POST', '/containers/create', json));
    const createdAt = now();
    try {
      await this.#say('POST', `/containers/${Id}/start`);
      const { NetworkSettings } = JSON.parse(await this.#say('GET', `/containers/${Id}/json`));
      const runningAt = now();
      const address = { at: NetworkSettings.IPAddress, port, host: 'floor.localhost', path: '/' };
      const seenAt = await watchFor(page, address, AbortSignal.timeout(60_000), () => {}, this.#everyMs);
      return {
        buildMs: builtAt - startedAt,
        createMs: createdAt - builtAt,
        startMs: runningAt - createdAt,
        bootMs: seenAt - runningAt,
        totalMs: seenAt - startedAt,
      };
    } finally {
      await this.#say('DELETE', `/containers/${Id}?force=1`);
    }
  }

  close(): Promise<void> {
    return forgetImage(this.#socket, tag);
  }

  #say(method: string, path: string, json?: unknown): Promise<string> {
    return engineSays(this.#socket, method, `/v1.41${path}`, json === undefined ? {} : { json });
  }
}
