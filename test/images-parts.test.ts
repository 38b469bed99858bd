// Tests of several parts and languages on a real engine: each runs in the stage of the Dockerfile that holds it, from where that puts it.
import assert from 'node:assert/strict';
import { baseImage, engineTest } from './support/engine.ts';
import { Stage } from './support/stage.ts';

const server = `"""A page."""

import http.server


def text():
    """Return what the page says."""
    return "hello"


class Page(http.server.BaseHTTPRequestHandler):
    """Answers everything alike."""

    def do_GET(self):
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text().encode())

    def log_message(self, *_words):
        """Keep quiet."""


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", 8080), Page).serve_forever()
`;
const pythonTest = `"""Tests of the page."""

import os

import server


def test_text():
    """It says something, where it runs."""
    assert server.text() == "hello"
    assert os.getcwd() == "/srv"
    assert os.path.exists("/stage") == os.path.exists("wants-stage")
`;
const nodeTest = `const assert = require('node:assert');
const { existsSync } = require('node:fs');
const { test } = require('node:test');
const { two } = require('./two.js');

test('it is where the Dockerfile puts it', () => {
  assert.equal(two(), 2);
  assert.equal(process.cwd(), '/web');
  assert.ok(existsSync('/.dockerenv'));
  assert.equal(existsSync('/stage'), existsSync('wants-stage'));
});
`;
const dockerfile = (python: string, node: string, test: string) => `FROM ${node} AS pages
COPY web /web
FROM ${python} AS app
WORKDIR /srv
COPY api/server.py ./
COPY --from=pages /web/two.js /srv/two.js
${test}FROM app
CMD ["/usr/local/bin/python3", "server.py"]
`;
const shop = {
  'lockstep.yml': 'runtime: docker\n',
  'package.json': JSON.stringify({
    ...{ name: 'shop', version: '1.0.0', scripts: { start: 'node server.js', test: 'mocha --exit' } },
    ...{ dependencies: { ms: '2.1.3' }, devDependencies: { mocha: '11.7.5' } },
  }),
  'server.js':
    "const ms = require('ms');\nrequire('node:http').createServer((_, answer) => answer.end(String(ms('1s')))).listen(process.env.PORT);\n",
  'day.js': "const ms = require('ms');\nexports.day = () => ms('1d');\nexports.never = () => {\n  return 0;\n};\n",
  'test/day.test.js': `const assert = require('node:assert');
const { day } = require('../day.js');

describe('day', () => {
  it('has its milliseconds, with the packages of the image', () => {
    assert.equal(day(), 86400000);
    assert.equal(require.resolve('ms'), '/app/node_modules/ms/index.js');
    assert.throws(() => require.resolve('/lockstep/gate/modules/node_modules/none'));
  });
});
`,
};

engineTest(
  'tests of each part run in the stage that holds it, or in the one for tests; Node gets what only its tests need',
  { own: true },
  async (socket) => {
    const [python, node] = [await baseImage('python'), await baseImage('node')];
    await using stage = await Stage.open({ LOCKSTEP_ENGINE: socket });
    const work = await stage.makeApp('both', {
      Dockerfile: dockerfile(python, node, ''),
      ...{ 'api/server.py': server, 'api/test_server.py': pythonTest, 'api/requirements.txt': '' },
      ...{ 'web/package.json': '{"name": "web"}', 'web/two.js': 'exports.two = () => 2;\n' },
      'web/two.test.js': nodeTest,
    });
    const first = await stage.deploy(work);
    assert.match(first, /tests \(api\) ok [\d.]+s in the image: 1 test\b/);
    assert.match(first, /tests \(web\) ok [\d.]+s in the image: 1 test\b/);
    assert.equal((await stage.get('both')).body, 'hello');

    const testStage = `FROM app AS test
COPY --from=pages /usr/local/bin/node /usr/local/bin/node
COPY web /web
RUN touch /stage /web/wants-stage wants-stage
`;
    stage.write(work, { Dockerfile: dockerfile(python, node, testStage) });
    await stage.commit(work, 'a stage for tests');
    const second = await stage.deploy(work);
    assert.match(second, /tests \(api\) ok [\d.]+s in the image: 1 test\b/);
    assert.match(second, /tests \(web\) ok [\d.]+s in the image: 1 test\b/);

    const own = await stage.makeApp('shop', shop);
    const third = await stage.deploy(own);
    assert.match(third, /tests ok [\d.]+s in the image: 1 test \(mocha\)/);
    assert.match(third, /coverage ok/);
    assert.equal((await stage.get('shop')).body, '1000');
    await stage.edit(own, 'day.js', "'1d'", "'2d'");
    const red = await stage.push(own);
    assert.notEqual(red.code, 0, red.stderr);
    assert.match(red.stderr, /tests FAILED [\d.]+s in the image: test\/day\.test\.js:\d+/);
    // What only its tests need is there already.
    assert.doesNotMatch(red.stderr, /building the image for the tests/);
  },
);
