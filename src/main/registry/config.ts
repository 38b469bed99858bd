// The configuration of our own registry, as Distribution reads it (YAML has JSON in it).
import { join } from 'node:path';
import { noticePath } from '../../receive/registry/scopes.ts';
import { tokenIssuer, tokenService } from '../../receive/registry/tokens.ts';

export function registryConfig(at: {
  folder: string;
  socket: string;
  port: number;
  noticeSecret: string;
  httpSecret: string;
}): object {
  const { folder, socket, port, noticeSecret, httpSecret } = at;
  const lockstep = `http://127.0.0.1:${port}`;
  return {
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(folder, 'data'), maxthreads: 25 },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: true, age: '24h', interval: '6h', dryrun: false } },
    },
    auth: {
      token: {
        ...{ realm: `${lockstep}/v2/token`, service: tokenService, issuer: tokenIssuer },
        rootcertbundle: join(folder, 'tokens.crt'),
      },
    },
    // Kept by the registry until control has heard it; what it had not told when it ended is found by its tag.
    notifications: {
      endpoints: [
        {
          ...{ name: 'lockstep', url: `${lockstep}${noticePath}`, timeout: '10s', threshold: 3, backoff: '1s' },
          headers: { Authorization: [`Bearer ${noticeSecret}`] },
          ignore: { mediatypes: ['application/octet-stream'], actions: ['pull', 'delete'] },
        },
      ],
    },
    // Who asks is control, which knows by which name it was asked.
    http: { net: 'unix', addr: socket, relativeurls: true, secret: httpSecret },
  };
}
