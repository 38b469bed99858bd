// An agent in memory, for tests of what stands on the seam: sets that appear in the desired state become healthy (or what a
// test says) at once, those that leave it are gone. It starts nothing.
import type { Agent, AppRef } from '../domain/agent.ts';
import type { CollectedFolder } from '../domain/collected.ts';
import type { DesiredSet, DesiredState } from '../domain/desired.ts';
import type { EngineLook } from '../domain/engine.ts';
import { fail } from '../domain/errors.ts';
import type { AgentHello } from '../domain/hello.ts';
import {
  type AppId,
  type Digest,
  type InstanceId,
  type JobId,
  type NodeId,
  parseImageId,
  type TreeId,
} from '../domain/ids.ts';
import type { ImageEvent, ImageSpec } from '../domain/image.ts';
import type { JobResult, JobSpec } from '../domain/job.ts';
import type { LayerSpec } from '../domain/layer.ts';
import type { ImageDetails } from '../domain/live.ts';
import type { ObservedInstance } from '../domain/observed.ts';
import type { ImageQuestion, PullEvent, PullSpec } from '../domain/pull.ts';
import type { AgentSurvey, AppEvidence, LeftOver, ReleaseHash } from '../domain/survey.ts';
import type { Observations } from '../release/observations.ts';
import { emptyHash, evidenceOf, instanceOf, surveyOf } from './fake-looks.ts';

const emptyLog = (): AsyncIterable<never> => ({ [Symbol.asyncIterator]: () => ({ next: async () => ended }) });
const ended = { done: true as const, value: undefined };

export class FakeAgent implements Agent {
  readonly #observations: Observations;
  readonly #known = new Set<string>();
  /** Every document that was taken, the newest last. */
  readonly documents: DesiredState[] = [];
  readonly trees = new Set<TreeId>();
  readonly copies = new Set<string>();
  readonly layers = new Set<string>();
  /** Keys of the layers that were not there when they were asked for, in turn. */
  readonly made: string[] = [];
  readonly collections: AppId[] = [];
  readonly deleted: AppId[] = [];
  /** Thrown by the next calls while it is set: the agent is away. */
  isAway = false;
  /** How a set's web instance ends up; null: it stays `starting`. */
  boot: (set: DesiredSet) => Partial<ObservedInstance> | null = () => ({ state: 'healthy', healthStatus: 200 });
  /** Called before a document is taken; may throw or wait. */
  beforeTree: () => void | Promise<void> = () => {};
  beforeDocument: (state: DesiredState) => void | Promise<void> = () => {};
  interpreters: AgentHello['interpreters'] = [];
  /** What a release command writes. */
  release: readonly string[] = [];
  job: (spec: JobSpec) => Partial<JobResult> = () => ({ exitCode: 0 });

  constructor(observations: Observations) {
    this.#observations = observations;
    const seen = { protocol: 1, bootId: 'boot', desiredVersion: 0, routeGeneration: 0, instances: [] };
    observations.take({ type: 'state', state: seen });
  }

  /** The set that requests go to, as the newest document says. */
  routed(id: AppId): string | null {
    return this.documents.at(-1)?.apps.find((app) => app.id === id)?.routed ?? null;
  }

  /** The sets of an app that there are now. */
  sets(id: AppId): string[] {
    return (
      this.documents
        .at(-1)
        ?.apps.find((app) => app.id === id)
        ?.sets.map((set) => set.id) ?? []
    );
  }

  async hello(): Promise<AgentHello> {
    this.#demand();
    return {
      ...{ protocol: 1, program: 'fake', bootId: 'boot', pid: 1, interpreters: this.interpreters },
      nodeId: 'nod_00000000000000000000000000' as NodeId,
      enforcement: { identities: false, memory: false, cpu: false, pids: false, why: [] },
    };
  }

  async alive() {
    this.#demand();
    return { desiredVersion: this.documents.at(-1)?.version ?? 0, routeGeneration: this.documents.length };
  }

  async putDesired(state: DesiredState) {
    this.#demand();
    await this.beforeDocument(state);
    this.documents.push(state);
    const wanted = new Set<string>();
    for (const app of state.apps) {
      for (const set of app.sets) {
        wanted.add(set.id);
        if (this.#known.has(set.id)) continue;
        this.#known.add(set.id);
        this.#observations.take({ type: 'instance', instance: instanceOf(app.id, set, this.boot(set)) });
      }
    }
    for (const id of [...this.#known].filter((one) => !wanted.has(one))) {
      this.#known.delete(id);
      const gone = { id: `ins_${id.slice(4)}` as InstanceId, setId: id as DesiredSet['id'], appId: '' as AppId };
      this.#observations.take({ type: 'instance-gone', ...gone });
    }
    return { version: state.version, routeGeneration: this.documents.length };
  }

  events = emptyLog;
  logs = emptyLog;

  async putTree(_app: AppRef, treeId: TreeId, copy: string | null, files: AsyncIterable<unknown>) {
    await this.beforeTree();
    this.#demand();
    let count = 0;
    for await (const _file of files) count += 1;
    const wasThere = this.trees.has(treeId);
    this.trees.add(treeId);
    if (copy !== null) this.copies.add(copy);
    return { files: count, bytes: 0, wasThere };
  }

  async hasTree(_app: AppRef, treeId: TreeId) {
    this.#demand();
    return this.trees.has(treeId);
  }

  async makeCopy(_app: AppRef, _treeId: TreeId, copy: string) {
    this.copies.add(copy);
  }

  async dropCopy(_app: AppRef, copy: string) {
    this.copies.delete(copy);
  }

  async hasLayer(_app: AppRef, key: string) {
    this.#demand();
    return this.layers.has(key);
  }

  async *makeLayer({ key }: LayerSpec) {
    if (!this.layers.has(key)) this.made.push(key);
    this.layers.add(key);
    yield { done: { wasThere: true, durationMs: 0, bytes: 0 } } as never;
  }

  /** Where there is an engine; what a build says. */
  engineLook: EngineLook = {
    state: 'absent',
    socket: '/run/engine',
    why: 'there is no /run/engine',
    advice: 'Install one.',
  };
  built: readonly ImageEvent[] = [];

  async engine() {
    this.#demand();
    return this.engineLook;
  }

  async *buildImage(_spec: ImageSpec, context: AsyncIterable<Buffer>) {
    this.#demand();
    for await (const _chunk of context);
    yield* this.built;
  }

  /** What a registry has: the digest of each name with its tag. */
  readonly registry = new Map<string, Digest>();
  /** Called before the registry is asked; may throw or wait. */
  beforeRegistry: (question: ImageQuestion) => void | Promise<void> = () => {};
  readonly pulled: PullSpec[] = [];

  async resolveImage(question: ImageQuestion) {
    this.#demand();
    await this.beforeRegistry(question);
    const digest = this.registry.get(question.image);
    if (!digest) throw fail('pull-refused', `${question.image}: manifest unknown`);
    return { digest };
  }

  async *pullImage(spec: PullSpec): AsyncGenerator<PullEvent> {
    this.#demand();
    await this.beforeRegistry(spec);
    this.pulled.push(spec);
    const id = parseImageId(spec.image.slice(spec.image.indexOf('@') + 1))!;
    yield { line: 'abcdef: 1.0 MB' };
    yield { pulled: { id, ports: [80], hasOwnCommand: true, bytes: 2 ** 20, wasThere: false, durationMs: 1 } };
  }

  details: ImageDetails | null = null;

  async imageDetails() {
    this.#demand();
    return this.details;
  }

  async imageArchive() {
    this.#demand();
    return chunk(Buffer.from('an archive'));
  }

  async runJob(spec: JobSpec, { onLine }: { onLine?: (line: string) => void }): Promise<JobResult> {
    this.#demand();
    if (spec.kind === 'release') for (const line of this.release) onLine?.(line);
    // What our own runners write when they find nothing.
    const reports = Object.fromEntries(spec.reports.map((name) => [name, '{"count":0,"findings":[]}']));
    return {
      ...{ id: spec.id, exitCode: 0, signal: null, endedBy: 'exit', outputTail: [], outputBytes: 0, reports },
      ...{ startedAtMs: Date.now(), durationMs: 0 },
      ...this.job(spec),
    };
  }

  /** What the folders of jobs hold: path -> text. */
  folder: (id: JobId, name: string) => Record<string, string> = () => this.folderNotThere();

  folderNotThere(): never {
    throw fail('not-found', 'the job wrote no such folder');
  }

  async collected(id: JobId, name: string): Promise<CollectedFolder> {
    this.#demand();
    const texts = Object.entries(this.folder(id, name));
    const files = texts.map(([path, text]) => ({ path, size: Buffer.byteLength(text), content: chunk(text) }));
    return { leftOut: { count: 0, shown: [] }, files: chunk(...files) };
  }

  /** Those that were asked to be started ahead. */
  readonly ahead: JobSpec[] = [];

  async startAhead(specs: readonly JobSpec[]) {
    this.#demand();
    this.ahead.push(...specs);
  }

  async cancelJob() {}
  async usage() {
    return [];
  }
  async deleteApp(app: AppRef) {
    this.#demand();
    this.deleted.push(app.id);
  }
  /** What `evidence` gives besides what follows from the newest document; a test changes it. */
  strange: Partial<AppEvidence> = {};

  async evidence(app: AppRef, treeId: TreeId | null): Promise<AppEvidence> {
    this.#demand();
    const found = evidenceOf(this.documents.at(-1), this.#observations.ofApp(app.id), app.id, treeId);
    return { ...found, ...this.strange };
  }

  async survey(): Promise<AgentSurvey> {
    this.#demand();
    const newest = this.documents.at(-1);
    return surveyOf(newest, await Promise.all((newest?.apps ?? []).map((app) => this.evidence(app, null))));
  }

  async hashTree(_app: AppRef, treeId: TreeId): Promise<ReleaseHash> {
    return emptyHash(treeId);
  }

  async hashLayer() {
    return { digest: 'sha256:1', sealed: 'sha256:1', files: 0 };
  }

  async distrustLayer() {}
  async mendFolders() {}
  async routeAgain() {}
  async removeLeftOvers(wanted: readonly LeftOver[]) {
    return wanted;
  }

  async replaceTree(app: AppRef, treeId: TreeId, files: AsyncIterable<unknown>) {
    await this.putTree(app, treeId, null, files);
  }

  async endChecks() {
    return { jobs: 0, copies: 0 };
  }

  async collect(app: AppRef, keep: { layerKeys: readonly string[] }) {
    this.collections.push(app.id);
    for (const key of this.layers) if (!keep.layerKeys.includes(key)) this.layers.delete(key);
    return { bytesFreed: 0 };
  }

  #demand(): void {
    if (this.isAway) throw fail('agent-away', 'The agent does not answer');
  }
}

async function* chunk<T>(...values: T[]): AsyncGenerator<T extends string ? Buffer : T> {
  for (const value of values) yield (typeof value === 'string' ? Buffer.from(value) : value) as never;
}
