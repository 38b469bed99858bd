// What the engine is asked to make of an instance: pure, so that a table of cases shows the whole of it. Nothing is published, nothing is
// restarted by the engine, no privilege is had that ordinary images do not need to start as root, and of what a program may take there is
// an end. Ids name it, and labels say whose it is.
import { constants } from 'node:os';
import type { AppId, ImageId, InstanceId, NodeId } from '../../../domain/ids.ts';
import type { Limits } from '../../../domain/plan.ts';
import { labelsOf } from '../../engine/labels.ts';
import { openFilesLimit } from '../../process/limit-means.ts';

/** What of a start is a container's alone. */
export type ContainerStart = {
  app: AppId;
  image: ImageId;
  /** null: whom the image says. */
  user: string | null;
  /** Beside those of the user. */
  groups: readonly string[];
  /** Lockstep wrote it: nothing but its mounts can be written, and it has no capability at all. */
  isConfined: boolean;
  /** The image's first process would not stand another one before it. */
  isOwnInit: boolean;
  /** Folders of this machine, and where they are in the container. */
  mounts: readonly { from: string; to: string }[];
};

export type ContainerAsk = ContainerStart & {
  node: NodeId;
  instance: InstanceId;
  /** Empty: what the image itself starts. */
  argv: readonly string[];
  network: string;
  env: Readonly<Record<string, string>>;
  limits: Limits;
};

/**
 * What root in a container keeps, unless Lockstep wrote the image. Programs that begin as root and go on as somebody else (nginx, Apache,
 * databases, entrypoints with gosu) give folders away, read what is another's, change over, listen below 1024, and end their workers.
 */
export const rootCapabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'SETUID',
  'SETGID',
  'NET_BIND_SERVICE',
  'KILL',
] as const;

/** How much of the machine a container may take, of an instance as of a job. */
export const limitsBody = ({ memoryBytes, cpus, pids, diskBytes }: Limits) => ({
  Memory: memoryBytes,
  MemorySwap: memoryBytes,
  ...(cpus === null ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
  PidsLimit: pids,
  Ulimits: [
    { Name: 'nofile', Soft: openFilesLimit, Hard: openFilesLimit },
    { Name: 'fsize', Soft: diskBytes, Hard: diskBytes },
    { Name: 'core', Soft: 0, Hard: 0 },
  ],
});

const logFile = { 'max-size': '10m', 'max-file': '2' };

export function containerBody(asked: ContainerAsk): object {
  return {
    Image: asked.image,
    // Both: what the image starts with would else come before it.
    ...(asked.argv.length === 0 ? {} : { Entrypoint: asked.argv.slice(0, 1), Cmd: asked.argv.slice(1) }),
    Env: Object.entries(asked.env).map((entry) => entry.join('=')),
    ...(asked.user === null ? {} : { User: asked.user }),
    Labels: labelsOf({ node: asked.node, app: asked.app, instance: asked.instance }),
    HostConfig: {
      NetworkMode: asked.network,
      RestartPolicy: { Name: 'no' },
      Init: !asked.isOwnInit,
      LogConfig: { Type: 'json-file', Config: logFile },
      ...(asked.groups.length === 0 ? {} : { GroupAdd: asked.groups }),
      CapDrop: ['ALL'],
      CapAdd: asked.isConfined ? [] : [...rootCapabilities],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: asked.isConfined,
      Mounts: asked.mounts.map(({ from, to }) => ({ Type: 'bind', Source: from, Target: to })),
      CpuShares: 1024,
      ...limitsBody(asked.limits),
    },
  };
}

/** Images whose first process insists on being the first one: s6, systemd, runit's my_init. */
export const isOwnInit = (argv: readonly string[]): boolean =>
  /^(?:\/init|\/sbin\/(?:init|my_init)|(?:\/usr)?\/lib\/systemd\/systemd|(?:\S*\/)?s6-svscan)$/.test(argv[0] ?? '');

const signals = new Map(Object.entries(constants.signals).map(([name, number]) => [number as number, name]));

/** As a shell tells an end by a signal: 128 and its number. */
export function exitOf(exitCode: number): { code: number | null; signal: string | null } {
  const signal = signals.get(exitCode - 128);
  return signal === undefined ? { code: exitCode, signal: null } : { code: null, signal };
}
