// The projects that the survey takes: known web projects and libraries, by exact version, as their authors publish them; and how a
// person asks the same questions of them by hand.

export type Kind = 'python' | 'node' | 'go';
export type Question = 'tests' | 'style' | 'types' | 'docs';

export type Project = {
  kind: Kind;
  name: string;
  version: string;
  /** A file of its own that gets a line. */
  file: string;
  /** What a person installs first, in the project's folder; `$ENV` is an empty folder for it. */
  setup: string;
  /** The project's own commands. */
  byHand: Partial<Record<Question, string>>;
  /** Why a figure of the gate is not that of the hand. */
  differs?: string;
};

/** The versions that the gate adds where a project names none. */
const pytest = 'pytest==9.2.0 coverage==7.17.3';
/** Apart from the project's packages: what these tools stand on would be there for its tests. */
const tools =
  'python3 -m venv $ENV/tools && $ENV/tools/bin/pip -q install ruff==0.16.9 sphinx pycodestyle pyflakes flake8';

const venv = (what: string) =>
  `python3 -m venv $ENV && $ENV/bin/pip -q install ${what} && $ENV/bin/pip -q install -e .`;
const covered = '$ENV/bin/coverage run -m pytest -q -p no:cacheprovider; code=$?; $ENV/bin/coverage report; exit $code';
const sphinx = '$ENV/bin/sphinx-build -W --keep-going -q -b html docs $ENV/site';

type More = Partial<Omit<Project, 'kind' | 'name' | 'version' | 'file'>>;

const python = (name: string, version: string, file: string, more: More = {}): Project => ({
  ...{ kind: 'python', name, version, file },
  setup: venv(pytest),
  ...more,
  byHand: { tests: covered, ...more.byHand },
});
/** Pallets' way: what the tests need is in requirements/tests.txt, what they document with in requirements/docs.txt. */
const pallets = (name: string, version: string, file: string, more: More = {}): Project =>
  python(name, version, file, {
    setup: venv('-r requirements/tests.txt -r requirements/docs.txt -r requirements/typing.txt ruff coverage'),
    ...more,
    byHand: { types: '$ENV/bin/mypy', docs: sphinx, ...more.byHand },
  });
const node = (name: string, version: string, file: string, more: More = {}): Project => ({
  ...{ kind: 'node', name, version, file },
  setup: 'npm install --no-audit --no-fund --silent',
  ...more,
  byHand: { tests: 'npm test', ...more.byHand },
});
const go = (name: string, version: string, file: string, more: More = {}): Project => ({
  ...{ kind: 'go', name, version, file },
  setup: 'go version && go mod download',
  ...more,
  byHand: {
    tests:
      'go test -count=1 -v -coverprofile=$ENV.out ./...; code=$?; go tool cover -func=$ENV.out | tail -1; exit $code',
    style: 'gofmt -l .',
    types: 'go vet ./...',
    ...more.byHand,
  },
});
const inventory =
  'docs: indexes of other sites (intersphinx) could not be fetched there; for sphinx -W each is a warning, for the gate a note.';
const statements = 'coverage: go counts statements, the gate counts lines, as its rule for changed lines needs them.';
const gofmtFiles = 'style: gofmt -l names files, the gate counts the lines that gofmt would write otherwise.';
const onceALine = 'style: the gate counts a rule once on a line, the tools once for each column.';
const unconfigured =
  'style: the configuration of ESLint is not published, without which it looks at nothing; the gate has a default there.';
const assertions = 'tests: tap prints how many assertions there are, of its TAP the gate counts the tests.';
const ruff = { style: '$ENV/bin/ruff check .' };
const pep8 = { style: '$ENV/tools/bin/pycodestyle .; $ENV/tools/bin/pyflakes .' };

export const projects: readonly Project[] = [
  pallets('itsdangerous', '2.2.0', 'src/itsdangerous/encoding.py', {
    byHand: ruff,
    differs: inventory,
  }),
  pallets('blinker', '1.8.2', 'src/blinker/_utilities.py', { byHand: ruff }),
  pallets('flask', '3.0.3', 'src/flask/helpers.py', {
    byHand: ruff,
    differs: inventory,
  }),
  pallets('werkzeug', '3.0.3', 'src/werkzeug/_internal.py', {
    // A plug-in of its tests keeps things in pytest's cache.
    byHand: { ...ruff, tests: covered.replace(' -p no:cacheprovider', '') },
    differs: inventory,
  }),
  pallets('jinja2', '3.1.4', 'src/jinja2/utils.py', { byHand: ruff, differs: inventory }),
  python('bottle', '0.13.1', 'bottle.py', {
    // Ten of its tests run only where what documents it has brought Jinja.
    setup: `${venv(`${pytest} -r docs/requirements.txt`)} && ${tools}`,
    byHand: { ...pep8, docs: sphinx.replace('/bin', '/tools/bin') },
    differs: `${onceALine} ${inventory} coverage: four lines of 5,534, for which nobody has looked for a reason.`,
  }),
  python('httpbin', '0.10.2', 'httpbin/utils.py', {
    setup: `${venv(pytest)} && ${tools}`,
    byHand: pep8,
    differs: onceALine,
  }),
  python('starlette', '0.38.2', 'starlette/_utils.py', {
    setup: venv('-r requirements.txt'),
    byHand: { ...ruff, types: '$ENV/bin/mypy starlette tests', docs: '$ENV/bin/mkdocs build -q --strict -d $ENV/site' },
  }),
  python('whitenoise', '6.7.0', 'src/whitenoise/string_utils.py', {
    byHand: pep8,
    setup: `${venv(`${pytest} django brotli requests`)} && ${tools}`,
    differs:
      'tests, coverage: tests/utils.py is not published, so three files of tests cannot be loaded on either side; the fourth lacks Django, which nothing that is published asks for, and by hand it was added. The gate says of each file which module is missing.',
  }),
  python('django-environ', '0.11.2', 'environ/compat.py', {
    setup: `${venv(`${pytest} django`)} && ${tools}`,
    byHand: { style: '$ENV/tools/bin/flake8 .', docs: sphinx.replace('/bin', '/tools/bin') },
    differs:
      'docs: Sphinx stops at an extension that is not installed; for the gate that is a finding with the reason, by hand no count.',
  }),
  node('express', '4.19.2', 'lib/utils.js', { byHand: { style: 'npm run lint' }, differs: unconfigured }),
  node('koa', '2.15.3', 'lib/request.js', {
    byHand: { style: 'npm run lint' },
    differs: `tests: none are published; jest ends with 1 and counts nothing, the gate counts none. ${unconfigured}`,
  }),
  node('fastify-plugin', '4.5.1', 'plugin.js', {
    byHand: { tests: 'npm run test:unit', style: 'npm run lint' },
    differs: assertions,
  }),
  node('@fastify/cors', '9.0.1', 'vary.js', {
    byHand: { tests: 'npm run test:unit', style: 'npm run lint' },
    differs: assertions,
  }),
  node('fastify', '4.28.1', 'lib/noop-set.js', {
    byHand: { tests: 'npm run unit', style: 'npx standard' },
    differs: `${assertions} coverage: c8 is told to leave out two generated files.`,
  }),
  node('zod', '4.1.12', 'src/v4/core/util.ts', {
    differs:
      'its build and its tests call programs (zshy, pnpm) of the repository around it, which what is published neither holds nor names: by hand they end with 127, too.',
  }),
  go('github.com/julienschmidt/httprouter', 'v1.3.0', 'path.go', { differs: gofmtFiles }),
  go('github.com/gorilla/mux', 'v1.8.1', 'doc.go', { differs: statements }),
  go('github.com/go-chi/chi/v5', 'v5.1.0', 'context.go', { differs: statements }),
];

/** What is added: lines that break the language's style, and one that nobody minds. */
export const lines: Readonly<Record<Kind, { bad: string; good: string }>> = {
  python: { bad: '\nimport os, sys\nsurvey=1\n', good: '# A remark of the survey.\n' },
  node: { bad: '\nvar  survey="a line"\n', good: '// A remark of the survey.\n' },
  go: { bad: '\nfunc survey( )  {  }\n', good: '\n// A remark of the survey.\n' },
};

/** What makes a site of a library, where the gate has said that nothing starts. */
export const starts: Readonly<Record<Kind, string>> = {
  python: 'web: python3 -m http.server $PORT\n',
  node: `web: node -e "require('http').createServer((q, s) => s.end('ok')).listen(process.env.PORT)"\n`,
  go: 'web: python3 -m http.server $PORT\n',
};

/** As an app's name. */
export const appName = ({ name }: Pick<Project, 'name'>): string =>
  name
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/-v\d+$/, '')
    .replace(/^github-com-/, '')
    .replace(/^-|-$/g, '');
