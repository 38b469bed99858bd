import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { isFailure } from '../../domain/errors.ts';
import { answerSender, isPublicAddress, parseCallback } from './answer-sender.ts';

const outcome = { state: 'success', description: 'v2 is live', targetUrl: 'http://web.localhost' } as const;

const dialled = ['https://registry.hub.docker.com/u/a/b/hook/1/', 'https://hub.docker.com/x'];
const refused = [
  ...[
    'http://registry.hub.docker.com/u/',
    'https://registry.hub.docker.com:8443/',
    'https://registry.hub.docker.com.evil.example/',
  ],
  ...[
    'https://evil.example/registry.hub.docker.com',
    'https://a:b@registry.hub.docker.com/',
    'https://127.0.0.1/',
    'https://[::1]/',
  ],
  ...[
    'https://169.254.169.254/latest/meta-data',
    'file:///etc/passwd',
    'gopher://hub.docker.com',
    'x',
    '',
    '//hub.docker.com/',
  ],
  ...[
    'https://hub.docker.com@evil.example/',
    'https://registry.hub.docker.com\\@evil.example/',
    `https://hub.docker.com/${'a'.repeat(2000)}`,
  ],
];

test('only Docker Hub’s own addresses are dialled, and what the operator named', () => {
  for (const url of dialled) assert.ok(parseCallback(url), url);
  for (const url of refused) {
    const parsed = parseCallback(url);
    // What a browser would make of a backslash is still the Hub's.
    assert.ok(parsed === null || parsed.hostname.endsWith('hub.docker.com'), url);
  }
  assert.equal(parseCallback('http://127.0.0.1:9000/x'), null);
  assert.ok(parseCallback('http://127.0.0.1:9000/x', ['http://127.0.0.1:9000']));
  assert.equal(parseCallback('http://127.0.0.1:9001/x', ['http://127.0.0.1:9000']), null);
});

test('an address that is not public is none for strangers', () => {
  const inside = [
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '192.168.1.1', '224.0.0.1'],
    ...[
      '255.255.255.255',
      '::',
      '::1',
      '::ffff:127.0.0.1',
      'fc00::1',
      'fd12::1',
      'fe80::1',
      'ff02::1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
    ],
    ...['x', ''],
  ];
  for (const address of inside) assert.equal(isPublicAddress(address), false, address);
  for (const address of ['1.1.1.1', '44.205.64.79', '2600:1f18:2148::1'])
    assert.equal(isPublicAddress(address), true, address);
});

test('a name of the Hub that leads inside is not followed', async () => {
  for (const address of ['127.0.0.1', '169.254.169.254', '::1', '10.0.0.1']) {
    const lookup = async () => [
      { address: '1.1.1.1', family: 4 },
      { address, family: address.includes(':') ? 6 : 4 },
    ];
    await assert.rejects(answerSender(dialled[0]!, outcome, { lookup }), (error) => isFailure(error, 'bad-request'));
  }
  await assert.rejects(answerSender(dialled[0]!, outcome, { lookup: async () => [] }));
  await assert.rejects(answerSender('https://evil.example/', outcome), (error) => isFailure(error, 'bad-request'));
});

test('the outcome is sent once, whole, and a redirect is an answer', async () => {
  const seen: unknown[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    seen.push([request.method, request.url, JSON.parse(text)]);
    response.writeHead(302, { location: '/elsewhere' }).end('x'.repeat(1000));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  assert.equal(await answerSender(`${origin}/hook`, outcome, { allowed: [origin] }), 302);
  const body = { state: 'success', description: 'v2 is live', context: 'Lockstep', target_url: 'http://web.localhost' };
  assert.deepEqual(seen, [['POST', '/hook', body]]);
  server.close();
  server.closeAllConnections();
  await assert.rejects(answerSender(`${origin}/hook`, outcome, { allowed: [origin] }));
});
