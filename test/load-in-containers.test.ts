// Invariant P3 with an app in containers: each deploy builds an image and starts a container of it, and no visitor feels the switch. Fewer deploys
// than with processes, each of which is quicker: `LOCKSTEP_LOAD_DEPLOYS=50` asks for as many.
import assert from 'node:assert/strict';
import { baseImage, engineTest } from './support/engine.ts';
import { leftOver } from './support/left-over.ts';
import { deploysOf, deployUnderLoad, makeTrafficApp } from './support/load-deploys.ts';
import { problemsAtRest } from './support/oracles.ts';
import { Stage } from './support/stage.ts';

const deploys = deploysOf(15);

engineTest(
  `E1, E2, E3: ${deploys} deploys of an app in containers under pages, posts, uploads, downloads, sockets and streams: none fails`,
  { own: true },
  async (engine, t) => {
    const stage = await Stage.open({ LOCKSTEP_ENGINE: engine });
    try {
      const dockerfile = [
        ...[`FROM ${await baseImage('python')}`, 'WORKDIR /app', 'COPY . .', 'ENV HOST=0.0.0.0'],
        ...['CMD ["python3", "-S", "-E", "app.py"]', ''],
      ];
      const work = await makeTrafficApp(stage, 'busy', { Dockerfile: dockerfile.join('\n') });
      t.diagnostic(`${await deployUnderLoad(stage, 'busy', work, deploys)} requests`);
      assert.deepEqual(await problemsAtRest(stage, { engine }), []);
    } finally {
      await stage[Symbol.asyncDispose]();
    }
    assert.deepEqual(leftOver(stage.folder), []);
  },
);
