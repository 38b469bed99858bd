// One question to a container engine over its socket, answered whole. Streams (builds, logs, events) are not asked here. What changes something
// in the engine is a seam, here and where streams are asked (`src/lib/seam.ts`).
import { askSocket, type Question, type SocketAnswer } from '../../lib/ask-socket.ts';
import { enter, isArmed, leave } from '../../lib/seam.ts';

/** @throws what node says of a socket (ENOENT, ECONNREFUSED, EACCES), or a TimeoutError */
export async function askEngine(socketPath: string, path: string, question: Question): Promise<SocketAnswer> {
  const { method = 'GET' } = question;
  const at = isArmed && method !== 'GET' ? enter('engine', workOf(method, path)) : null;
  const answer = await askSocket(socketPath, path, question);
  if (isArmed) leave(at);
  return answer;
}

const verbs = /^(?:create|start|kill|wait|prune)$/;
/** `POST containers/create`: what is asked of the engine, whichever one it is done to. */
export function workOf(method: string, path: string): string {
  const words = path.replace(/^\/(?:v[\d.]+\/)?|\?.*$/g, '').split('/');
  const verb = words.at(-1)!;
  return `${method} ${words[0]}${words.length > 1 && verbs.test(verb) ? `/${verb}` : ''}`;
}

/** Whether an engine answers there, within a second. */
export async function pings(socketPath: string): Promise<boolean> {
  const answer = await askEngine(socketPath, '/_ping', { timeoutMs: 1000 }).catch(() => null);
  return answer?.status === 200 && answer.body === 'OK';
}
