// One question to a neighbour's socket: does it speak, and can it do its work?

import { isUnseen } from '../lib/descriptors.ts';
import { request } from '../lib/http.ts';

/** Why control answers and does nothing else (`stand-by.ts`). */
export type Refusal = { code: string; detail: string; advice: string | null };
/**
 * It said something: `isUp`, that it runs; `refusal`, why it cannot do its work (null: it can). `isUnasked`: this process had no
 * descriptor left to ask with, which says nothing of the neighbour.
 */
export type Probe = { isUp: boolean; refusal: Refusal | null; isUnasked?: true };

const probeLimitMs = 2000;

/** Resolves with null when nothing answers in time; never rejects. */
export function probeNeighbour(socketPath: string, path: string): Promise<Probe | null> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path, agent: false, timeout: probeLimitMs }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text = (text + chunk).slice(0, 65_536);
      });
      response.on('end', () => {
        const refusal = response.statusCode === 503 ? parseRefusal(text) : null;
        resolve({ isUp: response.statusCode === 200 || refusal !== null, refusal });
      });
      response.on('error', () => resolve(null));
    });
    asked.once('timeout', () => asked.destroy());
    asked.once('error', (error) => {
      resolve(isUnseen(error) ? { isUp: false, refusal: null, isUnasked: true } : null);
    });
    asked.end();
  });
}

function parseRefusal(text: string): Refusal | null {
  try {
    const { code, detail, advice } = JSON.parse(text) as Partial<Refusal>;
    return typeof code === 'string' && typeof detail === 'string' ? { code, detail, advice: advice ?? null } : null;
  } catch {
    return null;
  }
}
