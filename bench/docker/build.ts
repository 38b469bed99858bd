// An image of what is committed, by the engine's BuildKit over its API: the context goes from git's output as it comes, with a Dockerfile
// beside the commit's files. (Debian's own client has no BuildKit without a plugin, and is twice as slow.)
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { gitEnv } from '../../test/support/stage.ts';
import { engineSays } from '../support/engine.ts';

/** `dockerfile`: its path. The image's id. @throws with the engine's words when none was made */
export async function buildOf(
  socket: string,
  { work, dockerfile, tag }: { work: string; dockerfile: string; tag: string },
): Promise<string> {
  const words = ['archive', '--format=tar', `--add-file=${dockerfile}`, 'HEAD'];
  const env = { ...process.env, ...gitEnv };
  const git = spawn('git', words, { cwd: work, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(git, 'close');
  const path = `/v1.41/build?version=2&dockerfile=Dockerfile&t=${tag}`;
  const said = await engineSays(socket, 'POST', path, { body: git.stdout });
  const [code] = await ended;
  if (code !== 0) throw new Error(`git archive ended with ${code}`);
  return builtImage(said);
}

/** The image that a build says it made, one JSON object a line. @throws with its words when it made none */
export function builtImage(said: string): string {
  for (const line of said.split('\n').filter(Boolean)) {
    const { id, aux, error } = JSON.parse(line);
    if (error) throw new Error(`the engine could not build: ${error}`);
    if (id === 'moby.image.id') return aux.ID;
  }
  throw new Error('the engine ended the build and named no image');
}
