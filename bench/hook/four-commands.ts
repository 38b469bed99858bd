// What docker-hook's callers have run at a notice: pull, stop, rm, run, with docker's own client. The listener itself is left out, which
// takes a few milliseconds more and changes nothing. Visitors ask the port that docker publishes.
import { join } from 'node:path';
import type { Address } from '../../scripts/demo/ask.ts';
import { freePort } from '../../test/support/registry.ts';
import type { Stage } from '../../test/support/stage.ts';
import { engineSays } from '../support/engine.ts';

const name = 'lockstep-bench-web';

export class FourCommands {
  readonly address: Address;
  readonly #stage: Stage;
  readonly #socket: string;
  readonly #argv: string[];

  private constructor(stage: Stage, socket: string, image: string, port: number) {
    this.#stage = stage;
    this.#socket = socket;
    this.address = { port, host: 'web.localhost', path: '/' };
    const docker = `docker --config '${join(stage.folder, 'hook-docker')}' --host 'unix://${socket}'`;
    const script = [
      `${docker} pull --quiet ${image}`,
      `${docker} stop ${name}`,
      `${docker} rm ${name}`,
      `exec ${docker} run --detach --name ${name} --publish 127.0.0.1:${port}:8000 ${image}`,
    ];
    this.#argv = ['sh', '-c', script.join('\n')];
  }

  static async open(stage: Stage, socket: string, image: string): Promise<FourCommands> {
    return new FourCommands(stage, socket, image, await freePort());
  }

  /** @throws with what was said when no container runs afterwards */
  async run(): Promise<void> {
    const { code, stderr } = await this.#stage.run(this.#argv);
    if (code !== 0) throw new Error(`the four commands failed: ${stderr}`);
  }

  async close(): Promise<void> {
    await engineSays(this.#socket, 'DELETE', `/v1.41/containers/${name}?force=1`).catch(() => {});
  }
}
