// What the Dockerfile takes of `build:` in lockstep.yml. An argument counts only where an ARG declares it, a secret only where a step mounts it:
// what is named for nothing is said. A mount of what lockstep.yml does not name is refused, so that the file says all that a build can read.
import type { LockstepYml } from '../../config/readers/lockstep-yml.ts';
import { certificatesId } from '../../domain/build-inputs.ts';
import type { ImageRecipe } from '../../domain/image.ts';
import { parseImageReference } from '../../domain/image-reference.ts';
import { secretMounts } from './own-parts.ts';
import type { DockerfileFacts } from './read-dockerfile.ts';
import { refused } from './read-lines.ts';

type Said = LockstepYml['build'];

/** @throws bad-config */
export function buildInputs(
  { text, stages, args }: Pick<DockerfileFacts, 'text' | 'stages' | 'args'>,
  said: Said,
): { inputs: Pick<ImageRecipe, 'buildArgs' | 'secrets'>; notes: string[] } {
  const mounts = secretMounts(text, stages).filter(({ id }) => id !== certificatesId);
  const foreign = mounts.find(({ id }) => !said.secrets.includes(id));
  if (foreign !== undefined)
    throw refused(
      foreign.line,
      `the secret ${foreign.id} is not named in lockstep.yml`,
      `Add it there (build: {secrets: [${foreign.id}]}), and give it its value: lockstep config set --build ${foreign.id}=…`,
    );
  const buildArgs = Object.fromEntries(Object.entries(said.args).filter(([name]) => args.includes(name)));
  const secrets = said.secrets.filter((name) => mounts.some(({ id }) => id === name));
  return {
    inputs: {
      ...(Object.keys(buildArgs).length === 0 ? {} : { buildArgs }),
      ...(secrets.length === 0 ? {} : { secrets }),
    },
    notes: [
      ...Object.keys(said.args)
        .filter((name) => !args.includes(name))
        .map((name) => `lockstep.yml, build.args: no ARG of the Dockerfile declares ${name}: it is not used`),
      ...said.secrets
        .filter((name) => !secrets.includes(name))
        .map((name) => `lockstep.yml, build.secrets: no step of the Dockerfile mounts ${name}: it is not used`),
    ],
  };
}

/** Where there is no Dockerfile of the app's own. */
export const unusedInputs = ({ args, secrets }: Said): string[] =>
  Object.keys(args).length + secrets.length === 0
    ? []
    : ['lockstep.yml, build: it is for a Dockerfile of one’s own, and there is none: it is not used'];

/** Hosts of the registries from which the stages begin. */
export function registriesOf({ stages }: Pick<DockerfileFacts, 'stages'>): string[] {
  const hosts = stages.flatMap(({ base }, at) => {
    const isStage = stages.slice(0, at).some(({ name }) => name === base.toLowerCase());
    if (isStage || base === 'scratch' || base.includes('$')) return [];
    try {
      return [parseImageReference(base).host];
    } catch {
      return []; // the builder says what is wrong with it
    }
  });
  return [...new Set(hosts)];
}
