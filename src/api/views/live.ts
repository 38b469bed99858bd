// How what is live is shown to whoever wants to run the same: everything but values of the app's config.
import { z } from '@hono/zod-openapi';
import type { LiveFacts } from '../../domain/live.ts';

const commandView = z.union([z.object({ argv: z.array(z.string()) }), z.object({ shell: z.string() })]);

const detailsView = z.object({
  layers: z.array(z.string()).openapi({ description: 'Digests of its layers, the lowest first' }),
  platform: z.string().openapi({ example: 'linux/amd64' }),
  config: z.string().openapi({ description: 'A digest of what it says of its start' }),
  engine: z.string().openapi({ description: 'The version of the engine that has it' }),
});

export const liveView = z
  .object({
    app: z.string(),
    appId: z.string(),
    node: z
      .string()
      .nullable()
      .openapi({ description: 'The machine, as its images name it; null: it is not known now' }),
    release: z.object({ version: z.int().nullable(), commit: z.string(), tree: z.string() }),
    start: z.object({
      command: commandView.nullable().openapi({ description: 'null: what the image says' }),
      env: z
        .record(z.string(), z.string())
        .openapi({ description: 'What the repository says; nothing of the app\u2019s config' }),
      limits: z.object({ memoryBytes: z.int(), cpus: z.number().nullable(), pids: z.int(), diskBytes: z.int() }),
      volumes: z.record(z.string(), z.string()),
      health: z.object({ path: z.string(), timeoutMs: z.number() }),
    }),
    configNames: z.array(z.string()).openapi({ description: 'The variables of its config, without values' }),
    image: z
      .object({
        id: z.string(),
        ports: z.array(z.int()),
        hasOwnCommand: z.boolean(),
        isGenerated: z.boolean().openapi({ description: 'Lockstep wrote its Dockerfile' }),
        pulled: z.string().nullable().openapi({ description: 'The image of a registry that it is, by digest' }),
        details: detailsView.nullable().openapi({ description: 'null: no engine says it now' }),
      })
      .nullable()
      .openapi({ description: 'null: processes of the machine' }),
  })
  .openapi('Live');

export function presentLive({ app, appId, node, release, start, configNames, image }: LiveFacts) {
  const { command, env, limits, volumes, health } = start;
  const { memoryBytes, cpus, pids, diskBytes } = limits;
  return {
    ...{ app, appId, node },
    release: { version: release.version, commit: release.commit, tree: release.tree },
    start: {
      command: command && ('shell' in command ? { shell: command.shell } : { argv: [...command.argv] }),
      ...{ env: { ...env }, limits: { memoryBytes, cpus, pids, diskBytes }, volumes: { ...volumes } },
      health: { path: health.path, timeoutMs: health.timeoutMs },
    },
    configNames: [...configNames],
    image: image && {
      ...{ id: image.id, ports: [...image.ports], hasOwnCommand: image.hasOwnCommand },
      ...{ isGenerated: image.isGenerated, pulled: image.pulled },
      details: image.details && {
        ...{ layers: [...image.details.layers], platform: image.details.platform },
        ...{ config: image.details.config, engine: image.details.engine },
      },
    },
  } satisfies z.infer<typeof liveView>;
}
