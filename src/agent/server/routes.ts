// Every address of the agent's socket: method, path, what answers. Parse, ask, answer; no decision is made here.
import { access } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { mostAhead } from '../../domain/ahead.ts';
import type { CollectedFile } from '../../domain/collected.ts';
import { fail } from '../../domain/errors.ts';
import type { AppId } from '../../domain/ids.ts';
import type { ImageSpec } from '../../domain/image.ts';
import type { JobSpec } from '../../domain/job.ts';
import type { LayerSpec } from '../../domain/layer.ts';
import type { ImageQuestion, PullSpec } from '../../domain/pull.ts';
import type { LeftOver } from '../../domain/survey.ts';
import type { AgentCore } from '../agent.ts';
import type { HomeFolders } from '../folders.ts';
import type { ImageExports } from '../images/image-exports.ts';
import type { Images } from '../images/images.ts';
import type { Pulls } from '../images/pulls.ts';
import type { ToolVolumes } from '../images/tool-volumes.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Layers } from '../layers/layers.ts';
import { encodeTree, leftOutHeader, type TreeFile } from '../tree/tree-stream.ts';
import { appIn, countIn, headedIn, idIn, imageIn, jsonIn, nameIn, textIn, treeIn } from './parse.ts';

export type ServerParts = {
  core: AgentCore;
  folders: HomeFolders;
  jobs: Pick<Jobs, 'run' | 'startAhead' | 'endAhead' | 'find' | 'cancel' | 'collected'>;
  layers: Pick<Layers, 'make' | 'has'>;
  images: Pick<Images, 'look' | 'make' | 'collect'>;
  pulls: Pulls;
  exports: ImageExports;
  tools: ToolVolumes;
};

export type Asked = { request: IncomingMessage; params: string[]; query: URLSearchParams; gone: AbortSignal };
export type Answer =
  | { json: unknown }
  | { lines: AsyncIterable<unknown> }
  | { bytes: AsyncIterable<Uint8Array>; headers: Readonly<Record<string, string>> }
  | { status: number };
export type AgentRoute = { method: string; path: RegExp; answer(asked: Asked, parts: ServerParts): Promise<Answer> };

const documentBytes = 64 * 1024 * 1024;
const specBytes = 32 * 1024 * 1024;
const mostHosts = 100;
const done: Answer = { json: {} };

const route = (method: string, path: string, answer: AgentRoute['answer']): AgentRoute => ({
  method,
  path: new RegExp(`^${path.replaceAll(/:[a-z]+/g, '([^/]+)')}$`),
  answer,
});

export const agentRoutes: readonly AgentRoute[] = [
  route('GET', '/v1/hello', async (_asked, { core }) => ({ json: await core.hello() })),
  route('GET', '/v1/alive', async (_asked, { core }) => ({ json: await core.alive() })),
  route('PUT', '/v1/desired', async ({ request, query }, { core }) => ({
    json: await core.putDesired(await textIn(request, documentBytes), { tag: query.get('tag'), base: null }),
  })),
  route('PATCH', '/v1/desired', async ({ request, query }, { core }) => ({
    json: await core.putDesired(await textIn(request, documentBytes), {
      tag: query.get('tag'),
      base: query.get('base') ?? '',
    }),
  })),
  route('GET', '/v1/events', async ({ gone }, { core }) => ({ lines: core.events(gone) })),

  route('PUT', '/v1/apps/:app/trees/:tree', async ({ request, params, query }, { core }) => {
    const copy = query.get('copy');
    const { files, bytes, wasThere } = await core.trees.put(
      appIn(params[0]!, query),
      treeIn(params[1]!),
      copy === null ? null : nameIn(copy),
      request,
      query.get('replace') === 'true',
    );
    return { json: { files, bytes, wasThere } };
  }),
  route('HEAD', '/v1/apps/:app/trees/:tree', async ({ params }, { folders }) => {
    const isThere = await access(folders.tree(idIn('app', params[0]!), treeIn(params[1]!))).then(
      () => true,
      () => false,
    );
    return { status: isThere ? 200 : 404 };
  }),
  route('GET', '/v1/apps/:app/trees/:tree/hash', async ({ params, query }, { core }) => ({
    json: await core.inspection.hashTree(idIn('app', params[0]!), treeIn(params[1]!), query.get('files') === 'true'),
  })),
  route('HEAD', '/v1/apps/:app/layers/:key', async ({ params }, { layers }) => ({
    status: layers.has(idIn('app', params[0]!), nameIn(params[1]!)) ? 200 : 404,
  })),
  route('GET', '/v1/apps/:app/layers/:key/hash', async ({ params }, { core }) => ({
    json: await core.inspection.hashLayer(idIn('app', params[0]!), nameIn(params[1]!)),
  })),
  route('DELETE', '/v1/apps/:app/layers/:key', async ({ params }, { core, jobs }) => {
    await jobs.endAhead(idIn('app', params[0]!));
    await core.inspection.distrustLayer(idIn('app', params[0]!), nameIn(params[1]!));
    return done;
  }),
  route('GET', '/v1/survey', async (_asked, { core }) => ({ json: await core.inspection.survey() })),
  route('GET', '/v1/apps/:app/evidence', async ({ params, query }, { core }) => {
    const tree = query.get('tree');
    const hosts = query.getAll('host').slice(0, mostHosts);
    return {
      json: await core.inspection.evidence(idIn('app', params[0]!), tree === null ? null : treeIn(tree), hosts),
    };
  }),
  route('POST', '/v1/apps/:app/folders', async ({ params, query }, { core }) => {
    await core.inspection.mendFolders(appIn(params[0]!, query));
    return done;
  }),
  route('POST', '/v1/apps/:app/checks/end', async ({ params }, { core }) => ({
    json: await core.inspection.endChecks(idIn('app', params[0]!)),
  })),
  route('POST', '/v1/routes', async (_asked, { core }) => ({ json: await core.inspection.routeAgain() })),
  route('POST', '/v1/left-overs/removals', async ({ request }, { core }) => {
    const wanted = (await jsonIn(request, specBytes)) as unknown;
    if (!Array.isArray(wanted) || !wanted.every(isLeftOver)) throw fail('bad-request', 'That is no list of left-overs');
    return { json: await core.inspection.removeLeftOvers(wanted) };
  }),
  route('POST', '/v1/apps/:app/copies/:copy', async ({ params, query }, { core }) => {
    await core.trees.makeCopy(appIn(params[0]!, query), treeIn(query.get('tree') ?? ''), nameIn(params[1]!));
    return done;
  }),
  route('DELETE', '/v1/apps/:app/copies/:copy', async ({ params }, { core }) => {
    await core.trees.dropCopy(idIn('app', params[0]!), nameIn(params[1]!));
    return done;
  }),

  route('PUT', '/v1/apps/:app/layers/:key', async ({ request, params, gone }, { layers }) => {
    const spec = (await jsonIn(request, specBytes)) as LayerSpec;
    if (spec?.appId !== idIn('app', params[0]!) || spec.key !== nameIn(params[1]!))
      throw fail('bad-request', 'The layer is not the one that the address names');
    return { lines: layers.make(spec, gone) };
  }),
  route('GET', '/v1/engine', async (_asked, { images }) => ({ json: await images.look() })),
  route('PUT', '/v1/apps/:app/images/:key', async ({ request, params, gone }, { core, images }) => {
    const { head, rest } = await headedIn(request);
    const spec = head as ImageSpec;
    if (spec?.appId !== idIn('app', params[0]!) || spec.key !== nameIn(params[1]!))
      throw fail('bad-request', 'The image is not the one that the address names');
    return { lines: supplying(core, spec.appId, images.make(spec, rest, gone)) };
  }),
  route('GET', '/v1/images/:id', async ({ params }, { exports }) => ({
    json: await exports.details(imageIn(params[0]!)),
  })),
  route('GET', '/v1/images/:id/archive', async ({ params, gone }, { exports }) => ({
    bytes: await exports.archive(imageIn(params[0]!), gone),
    headers: { 'content-type': 'application/x-tar' },
  })),
  route('POST', '/v1/images/resolutions', async ({ request, gone }, { pulls }) => ({
    json: await pulls.resolve((await jsonIn(request, specBytes)) as ImageQuestion, gone),
  })),
  route('POST', '/v1/apps/:app/pulls', async ({ request, params, gone }, { core, pulls }) => {
    const spec = (await jsonIn(request, specBytes)) as PullSpec;
    if (spec?.appId !== idIn('app', params[0]!))
      throw fail('bad-request', 'The app is not the one that the address names');
    return { lines: supplying(core, spec.appId, pulls.pull(spec, gone)) };
  }),
  route('POST', '/v1/jobs', async ({ request, gone }, { jobs }) => {
    const spec = (await jsonIn(request, specBytes)) as JobSpec;
    idIn('job', String(spec?.id));
    idIn('app', String(spec.appId));
    if ('copy' in Object(spec.place)) nameIn(String((spec.place as { copy: unknown }).copy));
    else if ('image' in Object(spec.place)) {
      imageIn(String((spec.place as { image: unknown }).image));
    } else treeIn(String((spec.place as { treeId?: unknown } | undefined)?.treeId));
    return { lines: jobs.run(spec, gone) };
  }),
  route('POST', '/v1/jobs/ahead', async ({ request }, { jobs }) => {
    const specs = (await jsonIn(request, specBytes)) as readonly JobSpec[];
    if (!Array.isArray(specs) || specs.length > mostAhead) throw fail('bad-request', 'That is no list of a few jobs');
    for (const spec of specs) {
      idIn('job', String(spec?.id));
      if (idIn('app', String(spec.appId)) !== specs[0]!.appId) throw fail('bad-request', 'They are of several apps');
    }
    jobs.startAhead(specs);
    return done;
  }),
  route('GET', '/v1/jobs/:id', async ({ params }, { jobs }) => {
    const found = await jobs.find(idIn('job', params[0]!));
    if (found === null) throw fail('not-found', 'There is no such job (any more)');
    return { json: found === 'running' ? { state: 'running' } : { state: 'ended', result: found } };
  }),
  route('DELETE', '/v1/jobs/:id', async ({ params }, { jobs }) => {
    await jobs.cancel(idIn('job', params[0]!));
    return done;
  }),
  route('GET', '/v1/jobs/:id/collected/:name', async ({ params }, { jobs }) => {
    const { files, leftOut } = await jobs.collected(idIn('job', params[0]!), nameIn(params[1]!));
    const sent = encodeTree(asTree(files));
    return { bytes: sent, headers: { [leftOutHeader]: encodeURIComponent(JSON.stringify(leftOut)) } };
  }),

  route('GET', '/v1/apps/:app/logs', async ({ params, query, gone }, { core }) => {
    const app = idIn('app', params[0]!);
    const count = countIn(query, 'count', 100, 10_000);
    const instance = query.get('instance');
    const instanceId = instance === null ? null : idIn('ins', instance);
    if (query.get('follow') === 'true') return { lines: core.logs.follow(app, count, instanceId, gone) };
    return { lines: each(await core.logs.tail(app, count, instanceId)) };
  }),
  route('GET', '/v1/apps/:app/usage', async ({ params }, { core }) => ({
    json: core.usage(idIn('app', params[0]!)),
  })),
  route('POST', '/v1/apps/:app/collect', async ({ request, params }, { core, images, pulls, tools }) => {
    const keep = (await jsonIn(request, specBytes)) as { treeIds?: unknown; layerKeys?: unknown; imageIds?: unknown };
    const { treeIds, layerKeys, imageIds = [] } = keep ?? {};
    if (!isStrings(treeIds) || !isStrings(layerKeys) || !isStrings(imageIds))
      throw fail('bad-request', 'treeIds, layerKeys and imageIds are not lists of texts');
    const appId = idIn('app', params[0]!);
    const files = await core.collect(appId, { treeIds, layerKeys });
    // What is kept no longer holds its image either.
    await tools.collect(appId);
    const wanted = new Set([...imageIds, ...core.imagesWanted(appId), ...tools.images(appId)]);
    const theirs = await images.collect(appId, wanted);
    await pulls.collect(appId, wanted);
    return { json: { bytesFreed: files.bytesFreed + theirs.bytesFreed } };
  }),
  route('DELETE', '/v1/apps/:app', async ({ params, query }, { core }) => {
    await core.deleteApp(appIn(params[0]!, query), query.get('volumes') === 'true');
    return done;
  }),
];

function isLeftOver(value: unknown): value is LeftOver {
  const { kind, appId, name } = Object(value) as Record<string, unknown>;
  return typeof kind === 'string' && (appId === null || typeof appId === 'string') && typeof name === 'string';
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** What waits for an image may start once it is there. */
async function* supplying<T extends object>(
  core: AgentCore,
  appId: AppId,
  events: AsyncIterable<T>,
): AsyncGenerator<T> {
  for await (const event of events) {
    const made = 'built' in event ? event.built : 'pulled' in event ? event.pulled : null;
    if (made !== null && !(made as { wasThere: boolean }).wasThere) core.supplied(appId);
    yield event;
  }
}

async function* asTree(files: AsyncIterable<CollectedFile>): AsyncGenerator<TreeFile> {
  for await (const { path, size, content } of files) yield { mode: '100644', path: Buffer.from(path), size, content };
}

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}
