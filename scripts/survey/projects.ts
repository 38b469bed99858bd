// The projects that the survey takes: known web projects and libraries, by exact version, as their authors publish them.

export type Kind = 'python' | 'node' | 'go';
export type Project = {
  kind: Kind;
  name: string;
  version: string;
  /** A file of its own that gets a line. */
  file: string;
  /** Their own checks, as a person runs them in a fresh environment, in the project's folder; `$ENV` is a folder for it. */
  byHand: string;
};

const pytest = (more = '') =>
  `python3 -m venv $ENV && $ENV/bin/pip -q install pytest ${more} . && $ENV/bin/python -m pytest -q`;
const python = (name: string, version: string, file: string, more = ''): Project => ({
  ...{ kind: 'python', name, version, file },
  byHand: pytest(more),
});
const node = (name: string, version: string, file: string): Project => ({
  ...{ kind: 'node', name, version, file },
  byHand: 'npm install --no-audit --no-fund && npm test --if-present',
});
const go = (name: string, version: string, file: string): Project => ({
  ...{ kind: 'go', name, version, file },
  byHand: 'test -z "$(gofmt -l .)" && go vet ./... && go test ./...',
});

export const projects: readonly Project[] = [
  python('itsdangerous', '2.2.0', 'src/itsdangerous/encoding.py', 'freezegun'),
  python('blinker', '1.8.2', 'src/blinker/_utilities.py', 'pytest-asyncio'),
  python('bottle', '0.13.1', 'bottle.py'),
  python('flask', '3.0.3', 'src/flask/helpers.py'),
  python('click', '8.1.7', 'src/click/utils.py'),
  python('pluggy', '1.5.0', 'src/pluggy/_result.py'),
  node('express', '4.19.2', 'lib/utils.js'),
  node('koa', '2.15.3', 'lib/request.js'),
  node('fastify', '4.27.0', 'lib/errors.js'),
  go('github.com/julienschmidt/httprouter', 'v1.3.0', 'path.go'),
  go('github.com/gorilla/mux', 'v1.8.1', 'doc.go'),
  go('github.com/google/uuid', 'v1.6.0', 'util.go'),
];

/** What is added: lines that break the language's style, and one that nobody minds. */
export const lines: Readonly<Record<Kind, { bad: string; good: string }>> = {
  python: { bad: '\nimport os, sys\nsurvey=undefined_survey_name\n', good: '# A remark of the survey.\n' },
  node: { bad: '\nvar  survey=undefinedSurveyName\n', good: '// A remark of the survey.\n' },
  go: { bad: '\nfunc survey( )  {  }\n', good: '\n// A remark of the survey.\n' },
};

/** What makes a site of a library, where the gate has said that nothing starts. */
export const starts: Readonly<Record<Kind, string>> = {
  python: 'web: python3 -m http.server $PORT\n',
  node: `web: node -e "require('http').createServer((q, s) => s.end('ok')).listen(process.env.PORT)"\n`,
  go: 'web: python3 -m http.server $PORT\n',
};
