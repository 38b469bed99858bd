// What the survey found wrong in the gate, and was mended: by project, as a person would tell it.

export const found: readonly { where: string; what: string }[] = [
  {
    where: 'itsdangerous, blinker, flask',
    what: 'Every test failed: `src/` was on no path of the tests, and `requirements/tests.txt` beside a `[project]` was not read. Both are now.',
  },
  {
    where: 'httpbin, flask',
    what: 'httpbin did not boot, flask said no version: `importlib.metadata` knew nothing of a project that runs from its tree. Its layer now says its name, version and entry points.',
  },
  {
    where: 'starlette',
    what: '`-e .[full]` in requirements.txt could not be installed; it now brings what the project and that extra depend on.',
  },
  {
    where: 'itsdangerous, blinker',
    what: 'No coverage, with the words "empty CoverageData": what coverage.py had not yet gathered was lost where `[tool.coverage.paths]` is set.',
  },
  {
    where: 'werkzeug',
    what: 'Pins for development contradicted what serves, so that nothing was installed for the checks, and only "No solution found" was said. What serves now wins, file by file; and the reason of an installer is told whole.',
  },
  {
    where: 'bottle',
    what: 'A harmless line was refused: a warning of Sphinx named an address of memory, which is another one in each run. Addresses are no part of a finding any more. And a finding without a place was new each time, though main had it: it counts no more when main has it.',
  },
  {
    where: 'flask, itsdangerous, bottle',
    what: 'That the index of another site could not be fetched was a warning of the documentation, which would have refused a change. It is a note.',
  },
  {
    where: 'koa',
    what: 'A framework that defines `listen()` was started as if it were an app. It is asked for what starts it.',
  },
  {
    where: 'fastify-plugin, @fastify/cors',
    what: 'They hold to `standard`, which needs no configuration: they were held to nothing. A script that calls it is enough now.',
  },
  {
    where: 'gorilla/mux',
    what: 'A Go library was told that "bench_test.go is Go". It is told that go.mod has no program, and what to write.',
  },
  {
    where: 'werkzeug',
    what: "pytest's cache was turned off, and 24 of 902 tests could not begin: pytest-xprocess keeps its processes there. Each run has an empty one now. Then they failed, for their servers are given a PYTHONPATH of their own, in which the project was lost: it is found by its layer now. And a path of a test's socket was too long: they are short now.",
  },
  {
    where: 'chi',
    what: 'A test failed that passes by hand: it finds its certificates by `runtime.Caller`, which told a trimmed path. Tests that ask for their place are compiled with it.',
  },
  {
    where: 'django-environ',
    what: 'flake8 was asked of no file. And a Sphinx that stopped said only "exit 2": its reason is in the finding.',
  },
  {
    where: 'express, koa',
    what: "JavaScript and TypeScript without a style tool were held to nothing: they have oxlint's correctness rules now.",
  },
  {
    where: 'express, flask',
    what: "Tests that left no report said only that. The runner's own error is in the summary.",
  },
  {
    where: 'fastify',
    what: 'It was started as if it served, for it writes `listen` short. An `.eslintrc` for editors looked at what `standard` leaves out: 4,206 findings for none. And what standard says of a file that it leaves out counted as a finding.',
  },
  {
    where: 'fastify, fastify-plugin, @fastify/cors',
    what: "Their tests (tap) were counted by nobody, and measured nothing: tap's TAP is read now, and V8's own coverage.",
  },
  {
    where: 'zod',
    what: 'A test script whose program is not installed ended as a fault of the machine, without a verdict. It is a failure, which says what was not found.',
  },
  {
    where: 'django-environ',
    what: 'setup.py counted as code of the app that no test runs. What it and setup.cfg require was unread.',
  },
];
