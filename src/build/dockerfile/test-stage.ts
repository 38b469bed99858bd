// In which stage of a Dockerfile the tests of a language run: the one that its author made for tests; else what serves, where that holds the
// language; else the stage that builds, of an image that serves only what was made there (pages under a web server, a program without its compiler).
import { chainOf, type DockerfileFacts, type Stage } from './read-dockerfile.ts';

type Holder = {
  /** Public images that hold it, by the last word of their name. */
  images: RegExp;
  /** What a container starts that has it. */
  programs: RegExp;
};

/** A new language is one more line. */
const holders: Readonly<Record<string, Holder>> = {
  python: {
    images: /python|pypy|conda|(?:^|\/)uv$/,
    programs: /^(?:python[\d.]*|gunicorn|uvicorn|flask|django-admin)$/,
  },
  node: { images: /(?:^|[-/])node(?:js)?(?:$|-)/, programs: /^(?:node|npm|npx|yarn|pnpm)$/ },
  go: { images: /(?:^|[-/])golang$/, programs: /^go$/ },
};

/** An image without a shell runs no check. */
export const isBare = (base: string): boolean => base === 'scratch' || /distroless|(?:^|\/)static(?::|@|$)/.test(base);

/** The image of a registry that a stage stands on, in small letters. */
export const baseOf = (stages: readonly Stage[], stage: Stage): string => chainOf(stages, stage)[0]!.base.toLowerCase();

/** @returns null: none of its stages, as far as its words say */
export function stageForTests(
  facts: Pick<DockerfileFacts, 'stages' | 'testStage' | 'entrypoint' | 'command'>,
  language: string,
): Stage | null {
  const { stages, testStage } = facts;
  if (testStage !== null) return stages.find(({ name }) => name === testStage) ?? null;
  const holder = holders[language];
  if (holder === undefined) return null;
  const last = stages.at(-1)!;
  const holds = (stage: Stage): boolean => {
    const base = baseOf(stages, stage);
    return !isBare(base) && holder.images.test(base.replace(/(?:@.*|:[^/]*)$/, ''));
  };
  if (holds(last) || (!isBare(baseOf(stages, last)) && starts(facts, holder))) return last;
  return stages.slice(0, -1).findLast((stage) => stage.name !== null && holds(stage)) ?? null;
}

function starts(
  { entrypoint, command }: Pick<DockerfileFacts, 'entrypoint' | 'command'>,
  { programs }: Holder,
): boolean {
  return [entrypoint, command].some((one) => {
    const words = one === null ? [] : one.form === 'exec' ? one.argv : one.line.replace(/^\s*exec\s+/, '').split(/\s+/);
    return words.slice(0, 2).some((word) => programs.test(word.slice(word.lastIndexOf('/') + 1)));
  });
}
