// How apps are shown. Presenters are allow-lists: what is not named here is not sent.
import { z } from '@hono/zod-openapi';
import type { App } from '../../domain/app.ts';
import { imageText } from '../../domain/image-reference.ts';
import { instanceStates, type ObservedInstance } from '../../domain/observed.ts';
import { iso, moment } from '../fields.ts';
import type { AppStatus, Platform } from '../platform.ts';
import { presentProblem, problemView } from './doctor.ts';

export const appView = z
  .object({
    id: z.string(),
    name: z.string(),
    mainBranch: z.string().nullable().openapi({ description: 'null until the first push decides' }),
    hosts: z.array(z.string()),
    url: z.string(),
    docsUrl: z.string().nullable().openapi({ description: 'Of the documentation of what is live; null: it has none' }),
    gitUrl: z.string(),
    image: z
      .string()
      .nullable()
      .openapi({ description: 'The image of a registry that it follows; null: its code is pushed' }),
    createdAt: moment,
  })
  .openapi('App');

export function presentApp(app: App, platform: Platform): z.infer<typeof appView> {
  const image = platform.followedImage(app);
  return {
    id: app.id,
    name: app.name,
    mainBranch: app.mainBranch,
    hosts: [...app.hosts],
    url: platform.urlOf(app),
    docsUrl: platform.docsUrlOf(app),
    gitUrl: platform.gitUrlOf(app),
    image: image && imageText(image),
    createdAt: iso(app.createdAtMs),
  };
}

const milliseconds = z.number().openapi({ description: 'Milliseconds since the epoch' });

const instanceView = z
  .object({
    id: z.string(),
    setId: z.string(),
    appId: z.string(),
    releaseId: z.string(),
    type: z.string().openapi({ example: 'web' }),
    state: z.enum(instanceStates),
    pid: z.int().nullable(),
    startTicks: z.number().nullable(),
    port: z.int().nullable(),
    restarts: z.int(),
    startedAtMs: milliseconds,
    healthyAtMs: milliseconds.nullable(),
    healthStatus: z.int().nullable(),
    reason: z.string().nullable(),
    logTail: z.array(z.string()),
    notes: z.array(z.string()),
  })
  .openapi('Instance');

function presentInstance(instance: ObservedInstance): z.infer<typeof instanceView> {
  return {
    id: instance.id,
    setId: instance.setId,
    appId: instance.appId,
    releaseId: instance.releaseId,
    type: instance.type,
    state: instance.state,
    pid: instance.pid,
    startTicks: instance.startTicks,
    port: instance.port,
    restarts: instance.restarts,
    startedAtMs: instance.startedAtMs,
    healthyAtMs: instance.healthyAtMs,
    healthStatus: instance.healthStatus,
    reason: instance.reason,
    logTail: [...instance.logTail],
    notes: [...instance.notes],
  };
}

export const statusView = z
  .object({
    app: z.string(),
    state: z.enum(['IN SYNC', 'DRIFTED', 'DEPLOYING', 'EMPTY']),
    why: z.string(),
    main: z.object({ commit: z.string(), tree: z.string() }).nullable(),
    release: z
      .object({ version: z.int().nullable(), artifact: z.string(), commit: z.string(), tree: z.string() })
      .nullable(),
    image: z
      .object({
        id: z.string(),
        containers: z.array(z.object({ instance: z.string(), image: z.string().nullable() })),
      })
      .nullable()
      .openapi({
        description: 'What the release runs in, and of which image each of its containers is, as the engine says',
      }),
    instances: z.array(instanceView),
    router: z
      .object({
        release: z.string().nullable(),
        generation: z.int().nullable().openapi({ description: 'The number of its routes; null: it does not answer' }),
        instances: z.array(z.string()),
      })
      .openapi({ description: 'What the router itself says that it serves' }),
    served: z
      .object({ tree: z.string(), files: z.int() })
      .nullable()
      .openapi({ description: 'What lies in the release directory, by git\u2019s own id, computed from the disk' }),
    problems: z.array(problemView),
    url: z.string(),
    docsUrl: z.string().nullable(),
  })
  .openapi('AppStatus');

export function presentStatus(status: AppStatus): z.infer<typeof statusView> {
  const { main, release } = status;
  return {
    app: status.app,
    state: status.state,
    why: status.why,
    main: main && { commit: main.commit, tree: main.tree },
    release: release && {
      version: release.version,
      artifact: release.artifact,
      commit: release.commit,
      tree: release.tree,
    },
    image: status.image && {
      id: status.image.id,
      containers: status.image.containers.map(({ instance, image }) => ({ instance, image })),
    },
    instances: status.instances.map(presentInstance),
    router: {
      release: status.router.release,
      generation: status.router.generation,
      instances: [...status.router.instances],
    },
    served: status.served && { tree: status.served.tree, files: status.served.files },
    problems: status.problems.map(presentProblem),
    url: status.url,
    docsUrl: status.docsUrl,
  };
}
