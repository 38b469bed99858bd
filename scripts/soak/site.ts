// One app of a soak: its work tree, what is asked of Lockstep about it, and what became of that. What is refused in trouble is
// an outcome like another; what a soak insists on is asked at its end.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { PageWatch, releaseNumber } from '../../test/support/page-watch.ts';
import { root, type Stage } from '../../test/support/stage.ts';
import type { Work } from './schedule.ts';

/** What is asked of it again in the end, and what is counted by. */
export type Outcome = 'done' | 'refused' | 'no answer' | 'nothing to do';

const server = (page: number) => `from http.server import BaseHTTPRequestHandler, HTTPServer
import os
from socketserver import ThreadingMixIn
import sys

LINE = b"x" * 1023 + b"\\n"


class Page(BaseHTTPRequestHandler):
    """Says its page; floods its log when it is asked to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer every path alike."""
        if self.path.startswith("/flood/"):
            for _ in range(int(self.path[7:]) * 1024):
                sys.stdout.buffer.write(LINE)
            sys.stdout.buffer.flush()
        body = b"<h1>Tide Pool ${page}</h1></html>\\n"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Print nothing else."""


class Server(ThreadingMixIn, HTTPServer):
    """One thread for each connection."""

    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
`;

export class Site {
  readonly name: string;
  readonly #stage: Stage;
  readonly #work: string;
  readonly #isPython: boolean;
  readonly watch: PageWatch;
  #page = 1;
  #word = 0;

  private constructor(stage: Stage, name: string, work: string, isPython: boolean) {
    this.name = name;
    this.#stage = stage;
    this.#work = work;
    this.#isPython = isPython;
    this.watch = new PageWatch(stage, name, releaseNumber(/<h1>Tide Pool \d+<\/h1>.*<\/html>\s*$/s), 40);
  }

  static async open(stage: Stage, name: string, isPython: boolean): Promise<Site> {
    const work = isPython
      ? await stage.makeApp(name, { Procfile: 'web: python3 server.py\n', 'server.py': server(1) })
      : await stage.makeApp(name, join(root, 'examples', 'static-site'));
    if (!isPython) await stage.edit(work, 'index.html', /<h1>.*<\/h1>/, '<h1>Tide Pool 1</h1>');
    await stage.deploy(work);
    return new Site(stage, name, work, isPython);
  }

  /** What the last that was not done was answered with, in short. */
  why = '';

  async carryOut(work: Work): Promise<Outcome> {
    this.why = '';
    if (work === 'deploy' || work === 'reject') return this.#push(work === 'reject');
    if (work === 'rollback') return this.#ask('POST', '/rollbacks', {});
    this.#word += 1;
    return this.#ask('PATCH', '/config', { set: { MOOD: `sunny ${this.#word}` } });
  }

  /** The pages that main has are what is served. */
  async servedIsMain(): Promise<string[]> {
    await this.#standAtMain();
    const file = this.#isPython ? 'server.py' : 'index.html';
    const shown = await this.#stage.git(this.#work, 'show', `HEAD:${file}`);
    const wanted = /Tide Pool (\d+)/.exec(shown.stdout)?.[1];
    const { body } = await this.#stage.get(this.name);
    return body.includes(`Tide Pool ${wanted}<`)
      ? []
      : [`${this.name}: main has page ${wanted}, and this is served: ${body.slice(0, 80)}`];
  }

  async #push(isBroken: boolean): Promise<Outcome> {
    if (!(await this.#standAtMain())) return 'no answer';
    this.#page += 1;
    const stem = this.#isPython ? { 'server.py': server(this.#page) } : null;
    if (isBroken) this.#stage.write(this.#work, { Procfile: 'web: exit 1\n' });
    else if (stem) this.#stage.write(this.#work, stem);
    else await this.#stage.edit(this.#work, 'index.html', /<h1>.*<\/h1>/, `<h1>Tide Pool ${this.#page}</h1>`);
    if (isBroken || stem) await this.#stage.commit(this.#work, `page ${this.#page}`);
    const { code, stderr } = await this.#stage.push(this.#work);
    if (code === 0 && isBroken) throw new Error(`${this.name}: a release that cannot start was let through: ${stderr}`);
    if (code === 0) return 'done';
    this.why = shortly(stderr);
    return /remote rejected|remote: /.test(stderr) ? 'refused' : 'no answer';
  }

  /** Whatever became of earlier pushes; false: main cannot be asked now. */
  async #standAtMain(): Promise<boolean> {
    rmSync(join(this.#work, '.git', 'index.lock'), { force: true });
    const fetched = await this.#stage.git(this.#work, 'fetch', '-q', 'lockstep', 'main');
    this.why = shortly(fetched.stderr);
    if (fetched.code !== 0) return false;
    return (await this.#stage.git(this.#work, 'reset', '-q', '--hard', 'FETCH_HEAD')).code === 0;
  }

  /** Asks, and follows it to its end as far as there is somebody to tell. */
  async #ask(method: string, path: string, body: unknown): Promise<Outcome> {
    const asked = await this.#stage.api(`/apps/${this.name}${path}`, { method, body }).catch(() => null);
    if (asked === null) return 'no answer';
    this.why = `${asked.status} ${asked.body?.code ?? ''}`;
    const begun = asked.body?.progress ?? asked.body?.started?.progress;
    if (!begun) return asked.status < 300 ? 'nothing to do' : 'refused';
    const { ready, token } = this.#stage;
    const said = await fetch(`${ready.url}${begun}`, { headers: { authorization: `Bearer ${token}` } })
      .then((answer) => answer.text())
      .catch(() => '');
    if (/"ok":true/.test(said)) return 'done';
    this.why = /"reason":"([^"]*)"/.exec(said)?.[1]?.slice(0, 120) ?? 'the connection ended';
    return /"ok":false/.test(said) ? 'refused' : 'no answer';
  }
}

/** The line of git's that tells why, without ids and times. */
function shortly(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const telling =
    lines.find((line) => /\[remote rejected\]|remote: disk-full|fatal:|error:/.test(line)) ?? lines.at(-2) ?? '';
  return telling.replace(/[0-9a-f]{7,40}|\d{4,}|http:\S+/g, '…').slice(0, 160);
}
