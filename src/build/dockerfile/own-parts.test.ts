import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailure } from '../../domain/errors.ts';
import { withOwnParts } from './own-parts.ts';
import { readDockerfile } from './read-dockerfile.ts';

const owned = (text: string): string => {
  const facts = readDockerfile(text, []);
  return withOwnParts(facts.text, facts.stages, 'app_1');
};

test("cache mounts are one app's own, whatever they are called", () => {
  const check = (line: string, expected: string) => {
    const around = (one: string) => `FROM debian:12\n# --mount=type=cache,target=/x\n${one}\nCMD ["x"]\n`;
    assert.equal(owned(around(line)), around(expected));
  };
  check('RUN --mount=type=cache,target=/x make', 'RUN --mount=type=cache,id=app_1-/x,target=/x make');
  check(
    'RUN --mount=target=/x,TYPE=cache,sharing=locked make',
    'RUN --mount=type=cache,sharing=locked,id=app_1-/x,target=/x make',
  );
  check(
    'RUN --mount=type=cache,id=go,dst=/x \\\n  --mount=type=cache,target=/y,readonly \\\n  make',
    'RUN --mount=type=cache,id=app_1-go,target=/x \\\n  --mount=type=cache,readonly,id=app_1-/y,target=/y \\\n  make',
  );
  // What only looks like one is left alone.
  check('RUN echo --mount=type=cache,target=/x', 'RUN echo --mount=type=cache,target=/x');
  check('RUN <<E\n--mount=type=cache,target=/x\nE', 'RUN <<E\n--mount=type=cache,target=/x\nE');
  check('RUN --mount=type=bind,target=/x make', 'RUN --mount=type=bind,target=/x make');
});

test('what cannot be read surely, and what names images of other apps, is refused with its line', () => {
  const refuses = (text: string, line: number, words: RegExp) =>
    assert.throws(
      () => owned(text),
      (error) => isFailure(error, 'bad-config') && error.message.includes(`line ${line}:`) && words.test(error.message),
      text,
    );
  const from = 'FROM debian:12\n';
  refuses(`${from}RUN --mount="type=cache,target=/x" make`, 2, /cannot be read surely/);
  refuses(`${from}RUN --mount=type=cache,id=a,id=b,target=/x make`, 2, /cannot be read surely/);
  refuses(`${from}RUN --mount=type=$T,target=/x make`, 2, /cannot be read surely/);
  refuses(`${from}RUN --mount=type=cache,\\\ntarget=/x make`, 2, /cannot be read surely/);
  // The first one is in a comment, and would be the one that is written anew.
  refuses(`${from}RUN \\\n# --mount=type=cache,target=/x\n --mount=type=cache,target=/x make`, 2, /surely/);
  refuses(`${from}ONBUILD RUN --mount=type=cache,target=/x make`, 2, /ONBUILD/);
  refuses(`${from}RUN --mount=type=ssh,id=a git clone x`, 2, /ssh/);
  refuses('FROM lockstep/app_2:abc', 1, /Lockstep made/);
  refuses('ARG A=lockstep\nFROM $A/app_2:abc', 2, /Lockstep made/);
  refuses('FROM docker.io/Lockstep$TARGETVARIANT/app_2:abc', 1, /Lockstep made/);
  refuses(`FROM sha256:${'a'.repeat(64)}`, 1, /id of any image/);
  refuses(`${from}COPY --from=abc123 / /`, 2, /id of any image/);
  refuses(`${from}COPY --from=$X / /`, 2, /variable/);
  refuses(`${from}RUN --mount=type=bind,from=lockstep/app_2:a,target=/x make`, 2, /Lockstep made/);
  assert.ok(owned('FROM debian:12 AS abc\nFROM abc\nCOPY --from=abc /a /b\nCOPY --from=0 /a /c\n'));
});
