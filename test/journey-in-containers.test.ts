// The journey of an app in images that Lockstep writes, from its first push to its end; and between the two runtimes, with what it keeps.
import assert from 'node:assert/strict';
import { guestbookInImages } from './support/container-journey.ts';
import { engineTest } from './support/engine.ts';
import { Guestbook, type JourneyName, journeys } from './support/journeys.ts';
import { siteInImages } from './support/tiny-site.ts';

const forward: readonly JourneyName[] = [
  'the first push goes live, with its checks shown and its page served',
  'a change of one line goes live',
  'a style finding on a changed line is refused with its place, and nothing moves',
  'a change that fails a test is refused with the test, and nothing moves',
  'config makes a release of the same artifact; config that breaks the start changes nothing',
];
const back: readonly JourneyName[] = [
  'rollback lands a revert commit: main and live stay equal, and the next stale push says git pull',
  'an instance that crashes later is started again, and the ledger says so',
  'a neighbour reads nothing of its volume, and ends nothing of it',
];

engineTest('an app in containers goes the way of every app', { own: true }, async (engine, t) => {
  const site = await siteInImages(engine);
  await using there = await Guestbook.open({
    engine,
    files: await guestbookInImages(),
    neighbour: {
      files: { ...site.more!(1), 'index.html': '<!doctype html>\n<title>Neighbour</title>\n', 'site.css': '' },
      shell: ['/bin/busybox', 'sh', '-c'],
    },
  });
  for (const name of forward) await t.test(name, () => journeys[name](there));
  // So that there is something to go back from.
  await there.setHeadline('Third');
  await there.stage.deploy(there.work);
  for (const name of back) await t.test(name, () => journeys[name](there));

  await t.test('its volume moves to processes and back, and each reads and writes it all', async () => {
    const { stage, work } = there;
    const inVolume = (line: string) =>
      stage.lockstep(['run', '-a', 'guestbook', '--', 'sh', '-c', `cd "$LOCKSTEP_VOLUME_DATA"; ${line}`]);
    // Where the volume is says where the command runs.
    for (const [runtime, place] of [
      ['process', 'machine'],
      ['docker', 'container'],
    ] as const) {
      await stage.edit(work, 'lockstep.yml', /^runtime: .*$/m, `runtime: ${runtime}`);
      await stage.deploy(work);
      assert.equal((await stage.get('guestbook')).status, 200);
      const wrote = await inVolume(
        `case "$PWD" in /app/*) echo container;; *) echo machine;; esac >> chest; cat chest`,
      );
      assert.match(wrote.stdout, new RegExp(`^treasure\\n(?:machine\\n)?${place}\\n$`), wrote.stderr);
    }
    const { stdout } = await inVolume('cat chest');
    assert.equal(stdout, 'treasure\nmachine\ncontainer\n');
  });

  const last = 'destroy asks for the name, and then nothing of the app is left but its volumes';
  await t.test(last, () => journeys[last](there));
});
