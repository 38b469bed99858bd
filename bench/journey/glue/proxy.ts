// Stands in for nginx in the glue script's measurement: passes each request on to the port that a file names, and reads
// that file again at SIGHUP. Usage: proxy.ts PORT FILE
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { dirname, join } from 'node:path';

const [port, file] = process.argv.slice(2) as [string, string];
const agent = new Agent({ keepAlive: true });
let upstream = 0;
const read = (): void => {
  upstream = Number(readFileSync(file, 'utf8'));
};
process.on('SIGHUP', read);

createServer((asked, answer) => {
  const passed = request(
    { host: '127.0.0.1', port: upstream, path: asked.url, method: asked.method, headers: asked.headers, agent },
    (response) => {
      answer.writeHead(response.statusCode!, response.headers);
      response.pipe(answer);
    },
  );
  passed.on('error', () => {
    if (answer.headersSent) answer.destroy();
    else answer.writeHead(502).end();
  });
  asked.pipe(passed);
}).listen(Number(port), '127.0.0.1', () => writeFileSync(join(dirname(file), 'proxy.pid'), String(process.pid)));
