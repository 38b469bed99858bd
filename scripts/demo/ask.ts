// One request for a page, as a browser would send it: the address is dialled, the app is named by the Host header (names
// under .localhost resolve in browsers, not in most programs). Every request has a deadline.
import { type Agent, request } from 'node:http';

/** `at`: who is dialled, when it is not this machine. */
export type Address = { port: number; host: string; path: string; at?: string };
/** Times are milliseconds since the epoch with fractions; `firstByteAt` is when the answer's head arrived. */
export type Answer = { status: number; body: string; startedAt: number; firstByteAt: number; endedAt: number };

export const now = (): number => performance.timeOrigin + performance.now();

/** `agent` null: a connection of its own, closed afterwards. Rejects for connection errors, cut answers and the deadline. */
export function ask(
  { port, host, path, at = '127.0.0.1' }: Address,
  options: { agent?: Agent | null; headers?: Record<string, string>; deadlineMs?: number } = {},
): Promise<Answer> {
  const { agent = null, headers = {}, deadlineMs = 5000 } = options;
  return new Promise((resolve, reject) => {
    const startedAt = now();
    const asked = request({
      host: at,
      port,
      path,
      agent: agent ?? false,
      headers: { host, ...(agent ? {} : { connection: 'close' }), ...headers },
    });
    const timer = setTimeout(() => asked.destroy(new Error(`no whole answer within ${deadlineMs} ms`)), deadlineMs);
    asked.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    asked.once('response', (response) => {
      const firstByteAt = now();
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      response.once('end', () => {
        clearTimeout(timer);
        resolve({ status: response.statusCode!, body, startedAt, firstByteAt, endedAt: now() });
      });
    });
    asked.end();
  });
}
