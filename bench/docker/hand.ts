// The checks by hand in containers, as a developer has them: an image with the development dependencies below and the sources in its
// last layer; with docker's own client the style check in a container of it, then the tests with coverage in another. The tools have the
// versions of Lockstep's.
import { join } from 'node:path';
import { now } from '../../scripts/demo/ask.ts';
import type { Stage } from '../../test/support/stage.ts';
import { insist, packagesOf } from '../journey/hand.ts';
import { pythonFile } from '../journey/subject.ts';
import { forgetImage } from '../support/engine.ts';
import { buildOf } from './build.ts';

export type ByHand = { imageMs: number; styleMs: number; testsMs: number; totalMs: number };

const tag = 'lockstep-bench-tests:latest';

export class HandInContainers {
  readonly #stage: Stage;
  readonly #socket: string;
  readonly #docker: string[];
  readonly #dockerfile: string;
  readonly tools: readonly string[];

  constructor(stage: Stage, socket: string, base: string) {
    this.#stage = stage;
    this.#socket = socket;
    this.#docker = ['docker', '--config', join(stage.folder, 'hand-docker'), '--host', `unix://${socket}`];
    this.tools = packagesOf(stage.home).filter((one) => /^(?:pycodestyle|pyflakes)==/.test(one));
    const folder = join(stage.folder, 'hand');
    stage.write(folder, { Dockerfile: dockerfileOf(base, this.tools) });
    this.#dockerfile = join(folder, 'Dockerfile');
  }

  /** With what is committed in `work`. */
  async run(work: string): Promise<ByHand> {
    const startedAt = now();
    await buildOf(this.#socket, { work, dockerfile: this.#dockerfile, tag });
    const builtAt = now();
    await this.#inContainer(`python3 -m pycodestyle ${pythonFile} && python3 -m pyflakes ${pythonFile}`);
    const styledAt = now();
    await this.#inContainer('python3 -m coverage run -m pytest -q && python3 -m coverage lcov -q -o /tmp/lcov');
    const testedAt = now();
    return {
      imageMs: builtAt - startedAt,
      styleMs: styledAt - builtAt,
      testsMs: testedAt - styledAt,
      totalMs: testedAt - startedAt,
    };
  }

  close(): Promise<void> {
    return forgetImage(this.#socket, tag);
  }

  async #inContainer(line: string): Promise<void> {
    insist(await this.#stage.run([...this.#docker, 'run', '--rm', tag, 'sh', '-c', line]));
  }
}

const dockerfileOf = (base: string, tools: readonly string[]): string =>
  [
    `FROM ${base}`,
    'ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_CACHE_DIR=/cache/pip',
    'WORKDIR /app',
    'COPY requirements.txt requirements-dev.txt ./',
    `RUN --mount=type=cache,target=/cache,id=bench pip install --quiet -r requirements-dev.txt ${tools.join(' ')}`,
    'COPY . .',
    '',
  ].join('\n');
