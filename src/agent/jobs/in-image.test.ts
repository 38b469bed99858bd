import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { baseImage, engineTest } from '../../../test/support/engine.ts';
import { type ImageId, makeId, type NodeId, type TreeId } from '../../domain/ids.ts';
import type { JobResult, JobSpec } from '../../domain/job.ts';
import { defaultLimits } from '../../domain/plan.ts';
import { askEngine } from '../engine/ask.ts';
import { engineAt } from '../engine/engine.ts';
import { labelFilter } from '../engine/labels.ts';
import { homeFolders } from '../folders.ts';
import { openToolVolumes, toolFolder } from '../images/tool-volumes.ts';
import type { Toolchains } from '../toolchains/toolchains.ts';
import { openJobs } from './jobs.ts';
import { openReadyNetworks } from './ready-network.ts';

const newId = <P extends 'app' | 'nod' | 'job'>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));

/** As an agent has it. */
const roomAt = (socket: string, node = newId('nod')) => {
  const engine = engineAt(socket);
  const networks = openReadyNetworks({ engine, node, newJobId: () => newId('job') });
  return { engine, node, networks, tools: openToolVolumes({ engine, node }) };
};

const volumesOf = async (socket: string, node: NodeId): Promise<string[]> => {
  const path = `/v1.41/volumes?filters=${encodeURIComponent(labelFilter({ node }))}`;
  const { body } = await askEngine(socket, path, { timeoutMs: 60_000 });
  return ((JSON.parse(body) as { Volumes: { Name: string }[] | null }).Volumes ?? []).map(({ Name }) => Name);
};

engineTest(
  'a job in an image brings its lines and reports, has its limits, writes nothing on the machine, and leaves nothing',
  { own: true },
  async (socket) => {
    const home = mkdtempSync(join(tmpdir(), 'lockstep-in-image-'));
    try {
      const folders = homeFolders(home);
      mkdirSync(folders.agent, { recursive: true });
      const room = {
        ...roomAt(socket),
        live: () => Promise.reject(new Error('none is live')),
      };
      const jobs = await openJobs({ folders, toolchains: {} as Toolchains, images: room });
      const tag = await baseImage('python');
      const { body } = await askEngine(socket, `/v1.41/images/${tag}/json`, { timeoutMs: 60_000 });
      const image = (JSON.parse(body) as { Id: ImageId }).Id;
      const appId = newId('app');
      const run = async (
        shell: string,
        more: Partial<JobSpec> = {},
      ): Promise<{ lines: string[]; result: JobResult }> => {
        const lines: string[] = [];
        const spec: JobSpec = {
          ...{
            id: newId('job'),
            appId,
            kind: 'check',
            identity: 'gate',
            liveUid: 70_001,
            gateUid: 70_002,
            gid: 70_001,
          },
          ...{ place: { image }, layerKey: null, tools: [], command: { shell }, env: { A: 'b' }, volumes: {} },
          ...{ files: { 'given.txt': 'given' }, reports: ['out.txt', 'link.txt'], deadlineMs: 30_000 },
          ...{ outputBytes: 1e6, limits: { ...defaultLimits, memoryBytes: 96 * 1024 ** 2, pids: 50 }, ...more },
        };
        for await (const event of jobs.run(spec, new AbortController().signal)) {
          if ('result' in event) return { lines, result: event.result };
          lines.push(event.line);
        }
        throw new Error('no result');
      };
      const outputOf = (id: JobSpec['id']): string => {
        const file = join(folders.job(id), 'output');
        return existsSync(file) ? readFileSync(file, 'utf8') : '';
      };
      const reports = 'mkdir -p /lockstep/reports; cd /lockstep/reports';
      const good = await run(
        `${reports}; cat /lockstep/job/given.txt > out.txt; ln -s /etc/hostname link.txt; echo "$A"; echo err >&2; id -u; (echo x > /lockstep/job/x) 2>/dev/null || echo read-only; exit 3`,
      );
      assert.deepEqual(good.lines.toSorted(), ['0', 'b', 'err', 'read-only']);
      const { exitCode, endedBy } = good.result;
      assert.deepEqual([exitCode, endedBy, good.result.reports], [3, 'exit', { 'out.txt': 'given' }]);

      const hungry = await run('python3 -c "x = bytearray(300_000_000)"');
      assert.deepEqual([hungry.result.endedBy, hungry.result.exitCode], ['out-of-memory', null]);
      const slow = await run('echo begun; sleep 60', { deadlineMs: 1500 });
      assert.deepEqual([slow.result.endedBy, slow.lines], ['deadline', ['begun']]);
      const alone = await run('cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d " "', { network: 'none' });
      assert.deepEqual(alone.lines, ['lo']);

      const count = async (all = 1): Promise<number> => {
        const filters = encodeURIComponent(JSON.stringify({ label: [`io.lockstep.node=${room.node}`] }));
        const listed = await askEngine(socket, `/v1.41/containers/json?all=${all}&filters=${filters}`, {
          timeoutMs: 60_000,
        });
        return (JSON.parse(listed.body) as unknown[]).length;
      };
      const until = async (wanted: number): Promise<void> => {
        for (const end = performance.now() + 20_000; (await count()) !== wanted; )
          assert.ok(performance.now() < end, `${await count()} containers, not ${wanted}`);
      };
      // A network that was ready is one job's: it has an address there, and the next job has another network.
      const waiting = async (wanted: number): Promise<string[]> => {
        const filters = encodeURIComponent(JSON.stringify({ label: [`io.lockstep.node=${room.node}`] }));
        for (const end = performance.now() + 20_000; ; ) {
          const { body } = await askEngine(socket, `/v1.41/containers/json?filters=${filters}`, { timeoutMs: 60_000 });
          const all = JSON.parse(body) as { Id: string; Command: string }[];
          const ids = all.flatMap(({ Id, Command }) => (/sleep 86400/.test(Command) ? Id : []));
          if (ids.length === wanted) return ids;
          assert.ok(performance.now() < end, `${ids.length} containers wait, not ${wanted}`);
        }
      };
      room.networks.want(appId, image);
      let joined = room.networks.take();
      for (const end = performance.now() + 20_000; joined === null; await turn(), joined = room.networks.take())
        assert.ok(performance.now() < end, 'no network becomes ready');
      assert.equal(room.networks.take(), null);
      await room.networks.giveBack(joined);
      const netOf = 'readlink /proc/self/ns/net; grep -q 00000000 /proc/net/route && echo routed';
      room.networks.want(appId, image);
      await waiting(1);
      const [inOne, hasRoute] = (await run(netOf)).lines;
      const [inTwo] = (await run(netOf)).lines;
      assert.match(inOne ?? '', /^net:/);
      assert.deepEqual([hasRoute, inOne === inTwo], ['routed', false]);
      // One that somebody has removed: the job makes its own.
      const { networks } = room;
      room.networks = { ...networks, take: () => 'f'.repeat(64) };
      assert.equal((await run(netOf)).lines[1], 'routed');
      room.networks = networks;
      await room.networks.end(null);
      await waiting(0);
      assert.equal(room.networks.take(), null);

      // The tools of the checks, which no check can change for the next; and the commit's tests, where the image has none.
      const made = await askEngine(socket, '/v1.41/containers/create', {
        ...{ method: 'POST', timeoutMs: 60_000 },
        json: { Image: tag, Cmd: ['sh', '-c', `mkdir -p ${toolFolder}; echo tool > ${toolFolder}/tool`] },
      });
      const { Id: maker } = JSON.parse(made.body) as { Id: string };
      for (const verb of ['start', 'wait'])
        await askEngine(socket, `/v1.41/containers/${maker}/${verb}`, { method: 'POST', timeoutMs: 30_000 });
      const kept = await askEngine(socket, `/v1.41/commit?container=${maker}`, { method: 'POST', timeoutMs: 30_000 });
      await askEngine(socket, `/v1.41/containers/${maker}?force=1`, { method: 'DELETE', timeoutMs: 30_000 });
      const tools = (JSON.parse(kept.body) as { Id: ImageId }).Id;
      const treeId = 'a'.repeat(40) as TreeId;
      const tree = folders.tree(appId, treeId);
      mkdirSync(join(tree, 'tests'), { recursive: true });
      writeFileSync(join(tree, 'tests/run.sh'), 'echo ran\n', { mode: 0o555 });
      writeFileSync(join(tree, 'tests/data.bin'), Buffer.from([0, 255]));
      const place = { image, tools, tests: { treeId, files: ['tests/run.sh', 'tests/data.bin'] } };
      const poison = `for way in "echo x > ${toolFolder}/tool" "rm ${toolFolder}/tool" "touch ${toolFolder}/new" "chmod 777 ${toolFolder}" "mount -o remount,rw ${toolFolder}" "umount ${toolFolder}"; do (eval "$way") 2>/dev/null && echo "did: $way"; done; cat ${toolFolder}/tool`;
      assert.deepEqual((await run(poison, { place })).lines, ['tool']);
      const [before] = await volumesOf(socket, room.node);
      const tested = await run(
        `ls ${toolFolder}; cp -R /lockstep/job/tests/. . && tests/run.sh; od -An -tx1 tests/data.bin; touch /lockstep/job/tests/x 2>/dev/null || echo read-only`,
        { place },
      );
      assert.deepEqual(tested.lines, ['tool', 'ran', ' 00 ff', 'read-only']);
      // Removed by somebody: it is there again, whole, before the job begins.
      await until(0);
      await room.engine.ask('DELETE', `/volumes/${before}`);
      assert.deepEqual((await run(`cat ${toolFolder}/tool`, { place })).lines, ['tool']);
      const [after, ...more] = await volumesOf(socket, room.node);
      assert.ok(after !== undefined && after !== before && more.length === 0);
      const astray = { ...place, tests: { treeId, files: ['../../other'] } };
      await assert.rejects(run('true', { place: astray }), /no files of a tree/);
      await askEngine(socket, `/v1.41/images/${tools}`, { method: 'DELETE', timeoutMs: 30_000 });

      await until(0);

      // What an agent leaves the next one takes up, with its network and all that it said; or it is lost, and runs nowhere while it is tried again.
      room.networks = roomAt(socket, room.node).networks;
      room.networks.want(appId, image);
      await waiting(1);
      const ids = { on: newId('job'), removed: newId('job') };
      const goOn = 'echo begun; until [ -e /lockstep/job/go ]; do sleep 0.05; done; echo on';
      const leaving = [
        run(`${goOn}; grep -q 00000000 /proc/net/route && echo routed; ${reports}; echo told > out.txt; exit 4`, {
          id: ids.on,
        }),
        run('sleep 600', { id: ids.removed, network: 'none' }),
      ].map((one) => one.catch(() => null));
      const idOf = async (job: string): Promise<string | undefined> => {
        const filters = encodeURIComponent(JSON.stringify({ label: [`io.lockstep.job=${job}`] }));
        const { body } = await askEngine(socket, `/v1.41/containers/json?filters=${filters}`, { timeoutMs: 9000 });
        return (JSON.parse(body) as { Id: string }[])[0]?.Id;
      };
      for (const id of Object.values(ids))
        for (const end = performance.now() + 20_000; (await idOf(id)) === undefined; )
          assert.ok(performance.now() < end, 'no container runs');
      for (const end = performance.now() + 20_000; !/begun/.test(outputOf(ids.on)); await turn())
        assert.ok(performance.now() < end, 'it says nothing');
      await jobs.close();
      await Promise.all(leaving);
      const path = `/v1.41/containers/${await idOf(ids.removed)}?force=1`;
      await askEngine(socket, path, { method: 'DELETE', timeoutMs: 30_000 });
      room.networks = roomAt(socket, room.node).networks;
      const next = await openJobs({ folders, toolchains: {} as Toolchains, images: room });
      await next.adopt();
      const endOf = async (id: JobSpec['id']): Promise<JobResult> => {
        for (const end = performance.now() + 20_000; (await next.find(id)) === 'running'; await turn())
          assert.ok(performance.now() < end, 'the job that was left has no end');
        const found = await next.find(id);
        assert.ok(found !== null && found !== 'running');
        return found;
      };
      const lost = await endOf(ids.removed);
      assert.deepEqual([lost.endedBy, lost.exitCode], ['lost', null]);
      assert.equal(await next.find(ids.on), 'running');
      await waiting(1);
      writeFileSync(join(folders.job(ids.on), 'files', 'go'), '');
      const on = await endOf(ids.on);
      assert.deepEqual([on.endedBy, on.exitCode, on.reports], ['exit', 4, { 'out.txt': 'told\n' }]);
      assert.deepEqual(on.outputTail, ['begun', 'on', 'routed']);
      await until(0);
      await next.close();
      await room.tools.collect(appId, 0);
      assert.deepEqual(await volumesOf(socket, room.node), []);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
);
