// `node:http`, without what comes along. Imported as a module it is asked for everything that it could export, also for the web sockets of
// Node's fetch, and so loads the whole of that library: 30 ms of a core at each start and 16 MB (RSS) for good, in processes that never fetch.
// Asked for as a built-in it gives what is taken. Types come from `node:http` itself, by `import type`; test/imports.test.ts holds both.
import type * as Http from 'node:http';

const http: typeof Http = process.getBuiltinModule('node:http');

export const { Agent, createServer, request, STATUS_CODES } = http;
