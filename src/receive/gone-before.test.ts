import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { stageGitHttp } from '../../test/stages/git-http.ts';
import { serveGit } from './smart-http.ts';

test('a client that went while its request waited for its turn is served by no git, and holds nothing', {
  timeout: 20_000,
}, async () => {
  await using s = await stageGitHttp();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    for (const service of ['git-receive-pack', 'git-upload-pack'] as const) {
      const asked = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
      client.write(
        `POST /app.git/${service} HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-${service}-request\r\ncontent-length: 1000\r\n\r\n0`,
      );
      const [request, response] = await asked;
      client.destroy();
      await once(response, 'close');
      const result = await serveGit(request, response, {
        repositoryPath: s.repository.path,
        service,
        step: 'exchange',
        onProcReceive: async () => assert.fail('there is nobody to judge for'),
      });
      assert.equal(result.isDisconnected, true);
    }
  } finally {
    server.close();
  }
});
