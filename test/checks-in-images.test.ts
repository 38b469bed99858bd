// What reads the packages of an app that is an image, on a real engine: pyright, Sphinx, MkDocs with a plugin, TypeDoc and a script of the project's
// own run where those packages are; and what becomes of checks where the image has no shell.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { askEngine } from '../src/agent/engine/ask.ts';
import { imageOf } from './support/container-box.ts';
import { baseImage, engineTest } from './support/engine.ts';
import { smallImage, TestRegistry } from './support/registry.ts';
import { type Json, Stage } from './support/stage.ts';
import { busybox } from './support/tiny-site.ts';

const server = `"""A page."""

import http.server

from only_in_the_image import double


def four() -> int:
    """Return four, which is two doubled."""
    return double(2)


class Page(http.server.BaseHTTPRequestHandler):
    """Answers everything alike."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(four()).encode())


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", 8080), Page).serve_forever()
`;
/** Of its packages no server knows: what finds them has looked into the image. */
const packages = `RUN at=$(/usr/local/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/only_in_the_image; mkdir -p $at; touch $at/py.typed; echo 'def double(n: int) -> int: return 2 * n' > $at/__init__.py`;
const dockerfile = (python: string, node: string) => `FROM ${node} AS pages
COPY web /web
COPY tools /tools
RUN echo "made by the image" > /tools/made
FROM ${python}
${packages}
WORKDIR /srv
COPY api ./
COPY guide /guide
CMD ["/usr/local/bin/python3", "server.py"]
`;
const parts = {
  'lockstep.yml': 'gate: { checks: { tests: off, style: off, docstrings: off } }\n',
  // A name of its own, by which it is known beside its image.
  'api/pyproject.toml': '[project]\nname = "api"\nversion = "1.2"\n\n[tool.pyright]\ntypeCheckingMode = "strict"\n',
  'api/server.py': server,
  'api/docs/conf.py': '"""Sphinx."""\n\nproject = "api"\nextensions = ["sphinx.ext.autodoc"]\n',
  'api/docs/index.rst': 'Pages\n=====\n\n.. automodule:: server\n   :members: four\n',
  'guide/requirements.txt': 'mkdocs==1.6.1\nmkdocs-redirects==1.2.2\n',
  'guide/mkdocs.yml':
    'site_name: Guide\nhooks: [doubled.py]\nplugins:\n  - redirects:\n      redirect_maps: { old.md: index.md }\n',
  'guide/doubled.py':
    '"""Doubles."""\n\nfrom only_in_the_image import double\n\n\ndef on_page_markdown(text: str, **_more: object) -> str:\n    """Write what is doubled."""\n    return text.replace("DOUBLED", str(double(21)))\n',
  'guide/docs/index.md': '# Guide\n\nThe answer is DOUBLED.\n',
  'web/package.json': JSON.stringify({
    ...{ name: 'web', private: true, type: 'module' },
    devDependencies: { typedoc: '0.28.20', typescript: '6.0.3' },
  }),
  'web/tsconfig.json':
    '{ "compilerOptions": { "module": "nodenext", "types": [], "strict": true }, "include": ["src"] }\n',
  'web/typedoc.json': '{ "entryPoints": ["src/times.ts"] }\n',
  'web/src/first.ts': '/** One. */\nexport const one = 1;\n',
  'web/src/times.ts':
    '/**\n * Twice as much.\n * @param n of what\n */\nexport const twice = (n: number): number => 2 * n;\n',
  'tools/package.json': '{ "name": "tools", "private": true, "scripts": { "docs": "node docs.mjs" } }\n',
  'tools/docs.mjs':
    "import { readFileSync } from 'node:fs';\n\nif (!/^made/.test(readFileSync('made', 'utf8'))) throw new Error('not made');\n",
};

engineTest(
  'types and documentation are made in the image, of its packages, and are refused by file and line; without a shell checks run elsewhere, and that is said',
  { own: true },
  async (socket, context) => {
    const [python, node] = [await baseImage('python'), await baseImage('node')];
    await using stage = await Stage.open({ LOCKSTEP_ENGINE: socket });
    const docs = async (path: string) => (await stage.get('docs--many', path)).body;

    await context.test('each tool finds what only the image has, and what it made is published', async () => {
      const work = await stage.makeApp('many', { Dockerfile: dockerfile(python, node), ...parts });
      const first = await stage.deploy(work);
      for (const said of [
        /pyright \(api\) ok [\d.]+s in the image: no findings \(pyright\)/,
        /docs \(api\) ok [\d.]+s in the image: \d+ pages \(sphinx\)/,
        /docs \(guide\) ok [\d.]+s in the image: \d+ pages \(mkdocs\)/,
        /docs \(web\) ok [\d.]+s in the image: built without warnings \(typedoc\)/,
        /docs \(tools\) ok [\d.]+s in the image: built without warnings \(docs\)/,
      ])
        assert.match(first, said);
      const { number } = await stage.lastChange('many');
      const { verdict } = (await stage.api(`/apps/many/changes/${number}`)).body;
      const ranIn = new Map<string, string>(verdict.checks.map((one: Json) => [one.name, one.ranIn]));
      assert.match(ranIn.get('docs (api)') ?? '', /^sha256:/);
      assert.equal(ranIn.get('docs (api)'), ranIn.get('pyright (api)'));
      assert.equal(ranIn.get('docs (web)'), ranIn.get('docs (tools)'));
      assert.notEqual(ranIn.get('docs (web)'), ranIn.get('docs (api)'));
      assert.match(await docs('/api/'), /Return four, which is two doubled/);
      assert.match(await docs('/guide/'), /The answer is 42\./);
      assert.match(await docs('/guide/old/'), /url=\.\.\//);
      assert.match(await docs('/web/functions/twice.html'), /Twice as much/);

      await stage.edit(work, 'api/server.py', 'return double(2)', 'return double("2")');
      await stage.edit(work, 'api/docs/index.rst', ':members: four', ':members: four\n\nSee :doc:`nowhere`.');
      await stage.edit(work, 'guide/docs/index.md', 'The answer is', '[The answer](gone.md) is');
      await stage.edit(work, 'web/src/times.ts', '@param n of', '@param m of');
      await stage.edit(work, 'tools/docs.mjs', '/^made/', '/^done/');
      const red = await stage.push(work);
      assert.notEqual(red.code, 0, red.stderr);
      for (const said of [
        /pyright \(api\) FAILED [\d.]+s in the image: api\/server\.py:10 reportArgumentType: .*"double"/,
        /docs \(api\) FAILED [\d.]+s in the image: api\/docs\/index\.rst:7 ref\.doc: unknown document: 'nowhere'/,
        /docs \(guide\) FAILED [\d.]+s in the image: guide\/docs\/index\.md:3 mkdocs: .*'gone\.md'/,
        /docs \(web\) FAILED [\d.]+s in the image: web\/src\/times\.ts:3 typedoc: .*"m"/,
        /docs \(tools\) FAILED [\d.]+s in the image: the script docs failed: .*not made/,
      ])
        assert.match(red.stderr, said);
      assert.match(await docs('/guide/'), /The answer is 42\./, 'what was refused is not published');
    });

    await context.test(
      'where there is no shell they run in the stage before, else on the server; or are refused',
      async () => {
        const gone =
          'import os; [os.unlink(one) for one in ("/bin/sh", "/bin/bash", "/bin/dash") if os.path.lexists(one)]';
        const id = await imageOf(socket, `RUN ["/usr/bin/python3", "-c", ${JSON.stringify(gone)}]`);
        for (const name of ['lockstep-test-distroless', 'lockstep-test-hardened'])
          await askEngine(socket, `/v1.41/images/${id}/tag?repo=${name}&tag=1`, { method: 'POST', timeoutMs: 10_000 });
        const served = (before: string, from: string, copy: string) =>
          `${before}FROM ${from}:1\nWORKDIR /srv\nCOPY ${copy}\nENTRYPOINT ["/usr/bin/python3"]\nCMD ["-m", "http.server", "8080"]\n`;
        const files = {
          Dockerfile: served(
            `FROM ${python} AS made\nCOPY . /srv\n`,
            'lockstep-test-distroless',
            '--from=made /srv /srv',
          ),
          'requirements.txt': '',
          'two.py': '"""Two."""\n\nTWO = 2\n',
          'tests/test_two.py':
            '"""Tests."""\n\nimport two\n\n\ndef test_two():\n    """It is two."""\n    assert two.TWO == 2\n',
          'lockstep.yml': 'gate: { checks: { mine: test -f two.py } }\n',
        };
        const work = await stage.makeApp('bare', files);
        const before = await stage.deploy(work);
        assert.match(before, /tests ok [\d.]+s in the image: 1 test\b/);
        assert.match(before, /mine ok [\d.]+s in the image: exit 0/);

        stage.write(work, { Dockerfile: served('', 'lockstep-test-hardened', '. .') });
        await stage.commit(work, 'nothing says that it has no shell');
        const hardened = await stage.deploy(work);
        for (const name of ['tests', 'mine'])
          assert.match(hardened, new RegExp(`note: ${name} runs on the machine, not in the image: .* has no shell`));
        assert.match(hardened, /tests ok [\d.]+s: 1 test\b/);
        assert.match(hardened, /mine ok [\d.]+s: exit 0/);

        await stage.edit(work, 'lockstep.yml', 'test -f two.py', '{ run: test -f two.py, in: image }');
        const red = await stage.push(work);
        assert.notEqual(red.code, 0, red.stderr);
        assert.match(red.stderr, /mine FAILED .*it runs in the image only \(in: image\), and .* has no shell/);
        assert.match(red.stderr, /REJECTED by mine/);
      },
    );

    await context.test(
      'where what it begins with has no npm, the npm that the image has of a distribution installs what tests need, once',
      async () => {
        const files = {
          Dockerfile: `FROM ${await baseImage('debian')}\nCOPY --from=${node} /usr/local/ /usr/local/\nRUN mv /usr/local/lib/node_modules/npm /usr/share/npm && ln -sf /usr/share/npm/bin/npm-cli.js /usr/local/bin/npm\nWORKDIR /app\nCOPY . .\nCMD ["node", "server.js"]\n`,
          'package.json': JSON.stringify({
            ...{ name: 'pieces', private: true, scripts: { start: 'node server.js', test: 'node --test' } },
            devDependencies: { ms: '2.1.3' },
          }),
          'server.js':
            "require('node:http')\n  .createServer((_, answer) => answer.end('page 1'))\n  .listen(process.env.PORT);\n",
          'test/day.test.js':
            "const assert = require('node:assert');\nconst { test } = require('node:test');\nconst ms = require('ms');\n\ntest('a day', () => assert.equal(ms('1d'), 86400000));\n",
        };
        const work = await stage.makeApp('pieces', files);
        const first = await stage.deploy(work);
        assert.match(first, /added 1 package/);
        assert.match(first, /tests ok [\d.]+s in the image: 1 test\b/);
        await stage.edit(work, 'server.js', 'page 1', 'page 2');
        const second = await stage.deploy(work);
        assert.doesNotMatch(second, /added 1 package/);
        assert.match(second, /tests ok [\d.]+s in the image: 1 test\b/);
      },
    );

    await context.test(
      'commands run in an image that is pulled, and refuse the next one that they find wrong',
      async () => {
        await using registry = await TestRegistry.start();
        const program = readFileSync(busybox());
        const pushed = async (word: string) => {
          const files = { 'bin/busybox': program, 'bin/sh': program, 'www/index.html': word };
          const serves = ['CMD ["/bin/busybox", "httpd", "-f", "-p", "8000", "-h", "/www"]', 'EXPOSE 8000'];
          await registry.push(socket, await smallImage(socket, files, serves), 'team/pulled:latest');
        };
        await pushed('right\n');
        const made = await stage.lockstep(['create', 'pulled', '--image', `${registry.host}/team/pulled:latest`]);
        assert.equal(made.code, 0, made.stderr);
        const first = await stage.lockstep(['deploy', 'pulled']);
        assert.equal(first.code, 0, first.stdout + first.stderr);
        const work = join(stage.folder, 'pulled');
        const url = `http://any:${stage.token}@127.0.0.1:${stage.port}/pulled.git`;
        assert.equal((await stage.git(stage.folder, 'clone', '-q', '-o', 'lockstep', url, work)).code, 0);
        const yml = readFileSync(join(work, 'lockstep.yml'), 'utf8');
        const checks =
          'word: { run: "grep right /www/index.html && test -f ours", in: image }\n    needy: git --version\n';
        stage.write(work, { ours: '', 'lockstep.yml': `${yml}gate:\n  checks:\n    ${checks}` });
        await stage.commit(work, 'what an image must have');
        const passed = await stage.deploy(work);
        assert.match(passed, /word ok [\d.]+s in the image: exit 0/);
        assert.match(passed, /note: needy runs on the machine, not in the image: the image lacks a program of it/);

        await pushed('wrong\n');
        const refused = await stage.lockstep(['deploy', 'pulled']);
        assert.notEqual(refused.code, 0, refused.stdout);
        assert.match(refused.stderr, /word FAILED [\d.]+s in the image: exit 1/);
        assert.equal((await stage.get('pulled')).body, 'right\n');
      },
    );
  },
);
