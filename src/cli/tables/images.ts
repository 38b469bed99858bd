// Images of registries: deployed, the hooks by which registries call, and who we are to them.
import type { CommandSpec } from '../command.ts';
import { ofApp, ofServer, ofWork } from './options.ts';

export const imagesCommands: readonly CommandSpec[] = [
  {
    name: 'deploy',
    summary: 'make what the app’s image is now live',
    about:
      'The registry is asked what the tag is, and that digest is pulled, started and switched to when it is healthy. --image names another ' +
      'image, which the app follows from then on; one with a digest stays that. docs/hooks.md says how a registry does this by itself.',
    operands: '[NAME]',
    counts: [0, 1],
    options: { image: { kind: 'text', value: 'REF', about: 'HOST/REPOSITORY:TAG, or with @sha256:…' }, ...ofWork },
    examples: ['lockstep deploy web', 'lockstep deploy web --image ghcr.io/team/web:2'],
    load: async () => (await import('../commands/deploy.ts')).deploy,
  },
  {
    name: 'hooks',
    summary: 'list the hooks by which registries call',
    operands: '',
    counts: [0, 0],
    options: ofApp,
    examples: ['lockstep hooks -a web'],
    load: async () => (await import('../commands/hooks.ts')).hooks,
  },
  {
    name: 'hooks create',
    summary: 'make a hook; its secret is shown once',
    about:
      'A sender that signs, or sends a secret in a header (GitHub, GitLab, Harbor, Gitea), gets the address and the secret; one that does ' +
      'neither (Docker Hub, Quay) gets the address that has the secret in it. docs/hooks.md says more.',
    operands: 'NAME',
    counts: [1, 1],
    options: ofApp,
    examples: ['lockstep hooks create docker-hub -a web'],
    load: async () => (await import('../commands/hooks.ts')).hooksCreate,
  },
  {
    name: 'hooks rotate',
    summary: 'give a hook another secret; the old one ends at once',
    operands: 'NAME|ID',
    counts: [1, 1],
    options: ofApp,
    examples: ['lockstep hooks rotate docker-hub -a web'],
    load: async () => (await import('../commands/hooks.ts')).hooksRotate,
  },
  {
    name: 'hooks delete',
    summary: 'remove a hook, at once',
    operands: 'NAME|ID',
    counts: [1, 1],
    options: ofApp,
    examples: ['lockstep hooks delete docker-hub -a web'],
    load: async () => (await import('../commands/hooks.ts')).hooksDelete,
  },
  {
    name: 'hooks after',
    summary: 'run a command after each deploy of the app’s image',
    about:
      'With the live release’s config, volumes and identity, and REPOSITORY_NAME, _NAMESPACE, _REPO_NAME, _HOST, _TAG, _DIGEST and _IMAGE in its ' +
      'environment. Options of ours stand before CMD. Without CMD it shows what there is.',
    operands: '[CMD …]',
    counts: [0, 256],
    takesRest: true,
    options: { none: { kind: 'flag', about: 'none any more' }, ...ofApp },
    examples: ["lockstep hooks after -a web -- sh -c 'echo $REPOSITORY_IMAGE'", 'lockstep hooks after -a web --none'],
    load: async () => (await import('../commands/hooks.ts')).hooksAfter,
  },
  {
    name: 'registry',
    summary: 'list the registries that the server is logged in to',
    operands: '',
    counts: [0, 0],
    options: ofServer,
    examples: ['lockstep registry'],
    load: async () => (await import('../commands/registry.ts')).registry,
  },
  {
    name: 'registry login',
    summary: 'let the server pull private images from a registry',
    about: 'The password is typed unseen, piped in, or read from a file; no command line holds it.',
    operands: 'HOST',
    counts: [1, 1],
    options: {
      username: { kind: 'text', short: 'u', value: 'NAME', about: 'who to be there' },
      'password-file': { kind: 'text', value: 'FILE', about: 'read the password from it (- is standard input)' },
      ...ofServer,
    },
    examples: [
      'lockstep registry login ghcr.io --username ann',
      'lockstep registry login docker.io -u ann --password-file -',
    ],
    load: async () => (await import('../commands/registry.ts')).registryLogin,
  },
  {
    name: 'registry logout',
    summary: 'forget who the server is to a registry',
    operands: 'HOST',
    counts: [1, 1],
    options: ofServer,
    examples: ['lockstep registry logout ghcr.io'],
    load: async () => (await import('../commands/registry.ts')).registryLogout,
  },
];
