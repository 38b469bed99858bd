// The crash suite with an app in containers. In our gate: control, the agent and the router killed at the places that the same deploys of an app
// of processes do not pass (what the engine is asked for: a network, a container made, started and removed, an image built; and whatever else
// differs), control and the router also at some of the others. `LOCKSTEP_CRASH_SUITE=whole`: at every place, as `killed-*.test.ts` do it with processes.
import { engineTest } from './support/engine.ts';
import { kinds } from './support/failpoints.ts';
import { killBeyondProcesses, killEverywhere } from './support/killed-anywhere.ts';
import { siteInImages } from './support/tiny-site.ts';

const ofContainers = [
  ...['engine(POST build)', 'engine(POST networks/create)', 'engine(DELETE networks)'],
  ...['engine(POST containers/create)', 'engine(POST containers/start)', 'engine(DELETE containers)'],
];

if (process.env.LOCKSTEP_CRASH_SUITE === 'whole')
  for (const kind of kinds)
    engineTest(
      `A1, A3: with an app in containers, ${kind} killed at every failpoint`,
      { own: true, timeoutMs: 60 * 60_000 },
      async (engine, t) => {
        // The agent with a job in the image, too.
        const site = await siteInImages(engine, kind === 'agent' ? 'echo migrated' : null);
        const expected = kind === 'agent' ? ofContainers : [];
        await killEverywhere(kind, { ...site, engine, expected }, (line) => t.diagnostic(line));
      },
    );
else
  engineTest(
    'A1, A3: control, agent and router killed at every failpoint that only an app in containers passes, and at some others; each once more in the recovery',
    { own: true, timeoutMs: 8 * 60_000 },
    async (engine, t) => {
      const samples = { control: 4, router: 3 };
      const options = { ...(await siteInImages(engine)), engine, expected: ofContainers, samples };
      await killBeyondProcesses(options, (line) => t.diagnostic(line));
    },
  );
