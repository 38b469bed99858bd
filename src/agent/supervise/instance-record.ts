// What the agent must know of an instance to take it up again after its own end: one file each, written before the
// process starts and removed after everything of it is gone, so no process is ever unknown. A record is worth nothing
// after a reboot (it says which boot it is of), so it is replaced whole but not synced.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImageId, type InstanceId, parseId, type TreeId } from '../../domain/ids.ts';
import type { Limits } from '../../domain/plan.ts';
import type { InstanceView } from '../desired/converge.ts';

export type InstanceRecord = {
  kernelBoot: string;
  view: InstanceView;
  /** It was about to be started: there may be a process without a known pid. */
  isLaunching: boolean;
  address: string;
  releaseLabel: string;
  treeId: TreeId;
  layerKey: string | null;
  builtKey?: string | null;
  /** Left out or null: it is no container. */
  image?: ImageId | null;
  limits: Limits;
};

export type RecordFiles = {
  save(record: InstanceRecord): Promise<void>;
  remove(id: InstanceId): Promise<void>;
  /** Those that can be read; `unreadable` names the files that cannot, which are left where they are. */
  loadAll(): Promise<{ records: InstanceRecord[]; unreadable: string[] }>;
};

/** What an agent that died over it left is nobody's. */
const halfWritten = '.tmp';

export function recordFiles(folder: string): RecordFiles {
  const fileOf = (id: InstanceId) => join(folder, `${id}.json`);
  // One write after the other for each instance, the newest wins.
  const queues = new Map<InstanceId, Promise<void>>();
  const inTurn = (id: InstanceId, work: () => Promise<void>): Promise<void> => {
    const mine = (queues.get(id) ?? Promise.resolve()).catch(() => {}).then(work);
    queues.set(id, mine);
    void mine.catch(() => {}).then(() => queues.get(id) === mine && queues.delete(id));
    return mine;
  };
  return {
    save(record) {
      const text = JSON.stringify(record);
      return inTurn(record.view.id, async () => {
        const temporary = `${fileOf(record.view.id)}${halfWritten}`;
        try {
          await writeFile(temporary, text, { mode: 0o600 });
          await rename(temporary, fileOf(record.view.id));
        } catch (error) {
          await rm(temporary, { force: true }).catch(() => {});
          throw error;
        }
      });
    },
    remove: (id) => inTurn(id, () => rm(fileOf(id), { force: true })),
    async loadAll() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const records: InstanceRecord[] = [];
      const unreadable: string[] = [];
      for (const name of await readdir(folder)) {
        if (name.endsWith(halfWritten)) await rm(join(folder, name), { force: true });
        if (!name.endsWith('.json')) continue;
        const id = parseId('ins', name.slice(0, -'.json'.length));
        const record = id === null ? null : parse(await readFile(join(folder, name), 'utf8'), id);
        if (record === null) unreadable.push(name);
        else records.push(record);
      }
      return { records, unreadable };
    },
  };
}

function parse(text: string, id: InstanceId): InstanceRecord | null {
  try {
    const record = JSON.parse(text) as InstanceRecord;
    return record.view.id === id && typeof record.kernelBoot === 'string' ? record : null;
  } catch {
    return null;
  }
}
