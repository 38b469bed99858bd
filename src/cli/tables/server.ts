// The server itself: started, looked over, carried to another machine.
import type { CommandSpec } from '../command.ts';
import { home, ofServer, passphraseFile } from './options.ts';

export const serverCommands: readonly CommandSpec[] = [
  {
    name: 'up',
    summary: 'start Lockstep on this machine',
    about:
      'Runs in the foreground until Ctrl-C, which stops all that it started. The first start makes the owner’s token, which commands on this machine use.',
    operands: '',
    counts: [0, 0],
    options: {
      home,
      port: { kind: 'text', value: 'N', about: 'the public port (8080)' },
      base: { kind: 'text', value: 'HOST', about: 'apps are NAME.HOST (localhost)' },
      public: { kind: 'flag', about: 'listen on every address, not only on 127.0.0.1' },
      detach: { kind: 'flag', about: 'leave it running in the background' },
      json: { kind: 'flag', about: 'print one JSON object a line' },
    },
    examples: ['lockstep up', 'lockstep up --port 8081 --home /srv/lockstep --detach'],
    load: async () => (await import('../commands/up.ts')).start,
  },
  {
    name: 'doctor',
    summary: 'is everything as it should be? Exit 0 only when there is no problem',
    about:
      'Reads every served file again and holds it against main, asks the router afresh, and compares database, processes, users, routes, repositories and disk. --fix mends what has one right answer and says what it leaves to you.',
    operands: '',
    counts: [0, 0],
    options: {
      app: { kind: 'text', short: 'a', value: 'NAME', about: 'only this app (all, when it is not given)' },
      fix: { kind: 'flag', about: 'mend what has one right answer' },
      ...ofServer,
    },
    examples: ['lockstep doctor', 'lockstep doctor --fix', 'lockstep doctor -a blog --json'],
    load: async () => (await import('../commands/doctor.ts')).doctor,
  },
  {
    name: 'backup',
    summary: 'write everything that this server knows into one file, while it runs',
    about:
      'Runs on the server, as who owns the home (root, where Lockstep is root). Without a passphrase the file holds every secret in the clear. --verify tries the restore of one in a throw-away home beside it, and says how long it took; exit 0 only when everything would come back.',
    operands: '[FILE]',
    counts: [0, 1],
    options: {
      encrypt: { kind: 'flag', about: 'ask for a passphrase' },
      'passphrase-file': passphraseFile,
      verify: { kind: 'text', value: 'FILE', about: 'try this backup instead' },
      ...ofServer,
    },
    examples: [
      'lockstep backup /backups/today.lockstep --passphrase-file /root/backup-passphrase',
      'lockstep backup --verify /backups/today.lockstep',
    ],
    load: async () => (await import('../commands/backup.ts')).backup,
  },
  {
    name: 'restore',
    summary: 'put a backup onto an empty home',
    about: 'Then `lockstep up` brings every app back. Nothing is overwritten; when it fails, the home is empty again.',
    operands: 'FILE',
    counts: [1, 1],
    options: { 'passphrase-file': passphraseFile, ...ofServer },
    examples: ['lockstep restore /backups/today.lockstep --home /srv/lockstep'],
    load: async () => (await import('../commands/backup.ts')).restore,
  },
];
