import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeOf } from './part-place.ts';
import { readDockerfile } from './read-dockerfile.ts';
import { stageForTests } from './test-stage.ts';

const files = new Set(['api/app.py', 'api/requirements.txt', 'api/src/x.py', 'web/package.json', 'README.md']);

test('a folder of the commit lies where COPY puts it, and nowhere when that cannot be read', () => {
  const check = (dockerfile: string, root: string, expected: string | null) => {
    const facts = readDockerfile(`FROM python:3.12\n${dockerfile}\n`, []);
    const isFile = (path: string) => files.has(path);
    assert.equal(placeOf(facts, facts.stages.at(-1)!, root, isFile), expected, dockerfile);
  };
  check('WORKDIR /srv\nCOPY . .', '', '/srv');
  check('WORKDIR /srv\nCOPY . .', 'api/', '/srv/api');
  check('WORKDIR /srv/dist\nCOPY . /srv\nCOPY web /var/www/web', '', '/srv');
  check('WORKDIR /srv\nCOPY web ./web\nCOPY README.md .', '', null);
  check('WORKDIR /srv\nWORKDIR app\nCOPY ./api/ ./', 'api/', '/srv/app');
  check('COPY --chown=1:1 ["api", "/app"]', 'api/', '/app');
  check('WORKDIR /app\nCOPY api/requirements.txt .\nCOPY api/src ./src', 'api/', '/app');
  check('WORKDIR /app\nCOPY api/app.py ./', 'api/', '/app');
  check('WORKDIR /app\nCOPY api/app.py main.py', 'api/', null);
  check('ARG AT=/opt/x\nCOPY services $AT/services', 'services/api/', '/opt/x/services/api');
  check('COPY api/ app/', 'api/', null);
  check('WORKDIR /app\nCOPY web .', 'api/', null);
  check('WORKDIR /app\nCOPY ap* .', 'api/', null);
  check('WORKDIR /$APP\nCOPY $SOME .', 'api/', null);
  check('WORKDIR /b\nCOPY . .\nFROM debian AS x\nCOPY --from=0 /b/api /run', 'api/', '/run');
  check('WORKDIR /b\nCOPY . .\nFROM 0stage', 'api/', null);
  check('FROM python:3.12 AS made\nWORKDIR /b\nCOPY api .\nFROM made\nCOPY web /web', 'api/', '/b');
  check('FROM a AS one\nCOPY --from=two / /x\nFROM a AS two\nCOPY --from=one / /x', 'api/', null);
  check('COPY <<EOF /x\nhello\nEOF', '', null);
});

test('tests run in the stage for tests, else in what serves, else in the stage that builds it', () => {
  const check = (dockerfile: string, language: string, expected: string | null) =>
    assert.equal(stageForTests(readDockerfile(dockerfile, []), language)?.base ?? null, expected, dockerfile);
  check('FROM node:24 AS test\nFROM node:22\n', 'node', 'node:24');
  check('FROM node:22-slim\n', 'node', 'node:22-slim');
  check(
    'FROM registry.example.org/base/node-runtime@sha256:aa\n',
    'node',
    'registry.example.org/base/node-runtime@sha256:aa',
  );
  check('FROM debian\nCMD ["/usr/bin/node", "x.js"]\n', 'node', 'debian');
  check('FROM debian\nENTRYPOINT exec npm start\n', 'node', 'debian');
  check('FROM node:22 AS build\nFROM nginx:1\n', 'node', 'node:22');
  check('FROM node:22 AS build\nFROM gcr.io/distroless/nodejs22\nCMD ["x.js"]\n', 'node', 'node:22');
  check('FROM node:22\nFROM nginx:1\n', 'node', null);
  check('FROM nginx:1\n', 'node', null);
  check('FROM golang:1.27-trixie AS build\nFROM scratch\n', 'go', 'golang:1.27-trixie');
  check('FROM golang:1.27 AS build\nFROM debian AS test\nFROM scratch\n', 'go', 'debian');
  check('FROM python:3.12 AS base\nFROM base\n', 'python', 'base');
  check('FROM python:3.12\n', 'web', null);
});
