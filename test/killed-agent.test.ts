// The agent, killed at every place that it passes in a deploy, and again in the start that follows. The app has a check, so
// that jobs start and end, and says so much at its start that its log is rotated.
import { test } from 'node:test';
import { killEverywhere } from './support/killed-anywhere.ts';

const server = (page: number) => `"""Serve the pages of this folder, and say much."""
import functools
import http.server
import os

PAGE = ${page}
for number in range(180):
    print(number, "x" * 15000, flush=True)


class Server(http.server.ThreadingHTTPServer):
    """Takes many connections at once."""

    request_queue_size = 128


class Pages(http.server.SimpleHTTPRequestHandler):
    """Says nothing of each request."""

    def log_message(self, *_):
        """Say nothing."""


handler = functools.partial(Pages, directory=os.getcwd())
Server(("127.0.0.1", int(os.environ["PORT"])), handler).serve_forever()
`;
const more = (page: number) => ({ Procfile: 'web: python3 server.py\n', 'server.py': server(page) });
const expected = ['job.start', 'job.end', 'log.rotate', 'runtime.start', 'runtime.stop', 'agent.apply', 'atomicWrite'];

test('A1, A3: the agent killed at every failpoint that it passes in a deploy, and once more in its recovery', async (t) => {
  await killEverywhere('agent', { more, expected }, (line) => t.diagnostic(line));
});
