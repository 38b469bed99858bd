import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyText, holds } from '../../../test/support/fuzz.ts';
import { pytestWords, toxRequirements } from './tox.ts';

const tox = `[tox]
envlist = py311

[testenv]
deps =
    pytest>=8
    -r{toxinidir}/requirements/testing.txt
    django42: Django>=4.2,<5
    {env:EXTRA:}
    # a remark
    httpx  # the client
commands =
    python -c "print(1)"
    python -m pytest checks -k "not slow" \\
        --cov=app --cov-report=xml {posargs}

[testenv:lint]
commands = flake8
`;

test('tox.ini says with which words pytest is called, and what it needs', () => {
  assert.deepEqual(pytestWords(tox, ''), ['checks', '-k', 'not slow']);
  assert.deepEqual(toxRequirements(tox), { requirements: ['pytest>=8', 'httpx'], files: ['requirements/testing.txt'] });
  assert.equal(pytestWords('[testenv]\ncommands = pytest {posargs}\n', ''), null);
  assert.deepEqual(pytestWords('[testenv]\ncommands = coverage run -p -m pytest spec\n', ''), ['spec']);
  assert.equal(pytestWords('[testenv:lint]\ncommands = pytest lint\n', ''), null);
});

test('a noxfile is read, not run', () => {
  const nox =
    'import nox\n\n@nox.session\ndef tests(session):\n    session.install(".")\n    session.run("pytest", "checks", "--cov=app", *session.posargs)\n';
  assert.deepEqual(pytestWords('', nox), ['checks']);
  assert.equal(pytestWords('', 'session.run("pytest")'), null);
});

test('whatever stands in them, they are read', () => {
  const words = [
    '[testenv]\n',
    'deps =',
    '\n',
    '  ',
    'commands = ',
    'pytest',
    '\\\n',
    '{posargs}',
    '-r x.txt',
    '"',
    '.run("pytest"',
    ', "a"',
    ')',
  ];
  holds(anyText(words, 30), 2000, (text) => {
    assert.ok((pytestWords(text, text)?.length ?? 1) <= 50);
    toxRequirements(text);
  });
  pytestWords(`[testenv]\ncommands =\n${' coverage run'.repeat(20_000)}`, '.run("pytest"'.repeat(20_000));
});
