// One health question: GET a path where the instance listens, with the app's real Host. Any status is an answer; the caller judges.
import { request } from '../../lib/http.ts';

export type ProbeTarget = {
  address: string;
  port: number;
  path: string;
  host: string;
  timeoutMs: number;
  signal?: AbortSignal;
};
export type ProbeResult =
  | { kind: 'answered'; status: number }
  | { kind: 'failed'; why: 'refused' | 'no-address' | 'timed-out' | 'closed' | 'not-http' | 'cancelled' };

/** No more of a body is read; a health page is small, and a stream has no end. */
export const probeBodyBytes = 16 * 1024;

/** Asks once, on a fresh connection. Never rejects. */
export function probe(target: ProbeTarget): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const timeout = AbortSignal.timeout(target.timeoutMs);
    const signal = target.signal === undefined ? timeout : AbortSignal.any([timeout, target.signal]);
    const asked = request({
      host: target.address,
      port: target.port,
      path: target.path,
      method: 'GET',
      agent: false,
      signal,
      headers: {
        host: target.host,
        'x-forwarded-proto': 'https',
        'user-agent': 'lockstep-health',
        accept: '*/*',
        connection: 'close',
      },
    });
    asked.on('response', (response) => {
      let bytes = 0;
      const done = () => {
        resolve({ kind: 'answered', status: response.statusCode ?? 0 });
        response.destroy();
      };
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > probeBodyBytes) done();
      });
      response.on('end', done).on('error', done).on('close', done);
    });
    asked.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ kind: 'failed', why: whyOf(error, target.signal, timeout) }),
    );
    asked.on('upgrade', (_response, socket) => {
      socket.destroy();
      resolve({ kind: 'answered', status: 101 });
    });
    asked.end();
  });
}

function whyOf(error: NodeJS.ErrnoException, cancelled: AbortSignal | undefined, timeout: AbortSignal) {
  if (cancelled?.aborted) return 'cancelled';
  if (timeout.aborted) return 'timed-out';
  if (error.code?.startsWith('HPE_')) return 'not-http';
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENETUNREACH' || error.code === 'EHOSTUNREACH')
    return 'no-address';
  return error.code === 'ECONNREFUSED' ? 'refused' : 'closed';
}
