// What the container of a job is, before anybody makes it: what it finds there and by which names, whose it is, what it may. A job of the gate has
// the image and nothing of the machine but what is mounted here, read-only; one with the app's live identity has what an instance has.
import { dirname } from 'node:path';
import type { ImageId, InstanceId, NodeId } from '../../domain/ids.ts';
import type { InImage, JobSpec } from '../../domain/job.ts';
import { labelsOf } from '../engine/labels.ts';
import { toolFolder } from '../images/tool-volumes.ts';
import { type ContainerAsk, containerBody, limitsBody, rootCapabilities } from '../runtimes/docker/container-spec.ts';
import type { JobPlaces } from './job-folder.ts';
import { fillCommand, fillEnv } from './places.ts';

export type ImageSpecOfJob = JobSpec & { place: { image: ImageId } & InImage };
/** What a container of the app's live identity has of this machine, as an instance. */
export type LivePlace = Omit<ContainerAsk, 'argv' | 'limits' | 'node' | 'instance'>;

/** Where a job finds its things in a container: `{job}`, `{reports}`, `{layer}`, `{sources}` and `{cache}` of a command. */
export const imagePlaces = {
  ...{ job: '/lockstep/job', reports: '/lockstep/reports' },
  ...{ layer: toolFolder, sources: '/lockstep/tree', cache: '/lockstep/cache' },
} as const;
/** Of the machine's tools the one that stands alone, for images that have none. */
const nodeFolder = '/lockstep/node';
/** `sources`: the folder of the tree that it reads; `node`: the program; left out: it has none. */
export type PlacesOfImage = JobPlaces & { sources?: string; node?: string };

/** @param volumes with what it needs, and what it writes; null: nothing */
export function gateBody(
  spec: ImageSpecOfJob,
  node: NodeId,
  places: PlacesOfImage,
  network: string,
  volumes: { tools: string | null; cache: string | null },
): object {
  const named = { ...imagePlaces, ...(places.node ? { 'tool:node': `${nodeFolder}/node` } : {}) };
  const argv = fillCommand(spec.command, named);
  const env = { ...fillEnv(spec.env, named), LOCKSTEP_JOB: spec.id };
  const readOnly = [
    { from: places.files, to: imagePlaces.job },
    ...(places.sources ? [{ from: places.sources, to: imagePlaces.sources }] : []),
    ...(places.node ? [{ from: dirname(places.node), to: nodeFolder }] : []),
  ];
  return {
    Image: spec.place.image,
    Entrypoint: argv.slice(0, 1),
    Cmd: argv.slice(1),
    Env: Object.entries(env).map((entry) => entry.join('=')),
    User: '0:0',
    Labels: labelsOf({ node, app: spec.appId, job: spec.id }),
    HostConfig: {
      NetworkMode: network,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '20m', 'max-file': '2' } },
      CapDrop: ['ALL'],
      CapAdd: [...rootCapabilities],
      SecurityOpt: ['no-new-privileges'],
      Mounts: [
        ...readOnly.map(({ from, to }) => ({ Type: 'bind', Source: from, Target: to, ReadOnly: true })),
        // What lies there in the app's own image is nothing of ours.
        ...volumeMount(volumes.tools, toolFolder, true),
        ...volumeMount(volumes.cache, imagePlaces.cache, false),
      ],
      // Half of an app's, twice a check's on the machine: for its end the whole change waits.
      CpuShares: 512,
      ...limitsBody(spec.limits),
    },
  };
}

const volumeMount = (volume: string | null, to: string, ReadOnly: boolean): object[] =>
  volume === null ? [] : [{ Type: 'volume', Source: volume, Target: to, ReadOnly, VolumeOptions: { NoCopy: true } }];

/** As an instance of the release has it: its user, its network, its volumes. */
export function liveBody(spec: ImageSpecOfJob, node: NodeId, { env, ...place }: LivePlace): object {
  const argv = fillCommand(spec.command, {});
  const body = containerBody({
    ...{ ...place, node, instance: '' as InstanceId, argv, limits: spec.limits, isOwnInit: true },
    env: { ...spec.env, ...env, LOCKSTEP_JOB: spec.id },
  });
  return { ...body, Labels: labelsOf({ node, app: spec.appId, job: spec.id }) };
}
