// Documents of the REST API, for the commands' tests.

export const app = (url: string, more: object = {}) => ({
  id: 'app_1',
  name: 'blog',
  mainBranch: null,
  hosts: ['blog.localhost'],
  url: 'http://blog.localhost:8080',
  docsUrl: null,
  gitUrl: `${url}/blog.git`,
  image: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  ...more,
});
export const started = { kind: 'change', id: 'chg_1', progress: '/api/v1/apps/blog/progress/chg_1' };
export const end = { ok: true, state: 'landed', reason: null, version: 12, durationMs: 80 };
export const status = (state: string) => ({
  app: 'blog',
  state,
  why: 'v12 is live',
  main: null,
  release: null,
  instances: [],
  router: { release: 'v12', generation: 41, instances: ['ins_1'] },
  served: null,
  problems: [],
  url: 'http://blog.localhost:8080',
  docsUrl: null,
});
