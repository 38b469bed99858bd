// Which Python an app asks for, as one specification: "3.11", "3.11.7" or a range like ">=3.9,<3.12". The order is
// .python-version, runtime.txt, requires-python; the first that says something wins.

import { badConfig, checkedText, showValue } from './problems.ts';

export type WantedPython = { spec: string; source: string };

const advice = 'Write a version like 3.12 or 3.12.4.';

/** null: the files say nothing. Throws `bad-config` when one says something that is not a version of CPython. */
export function wantedPython(files: {
  pythonVersion?: string | null;
  runtimeTxt?: string | null;
  requiresPython?: string | null;
}): WantedPython | null {
  return (
    fromLine(files.pythonVersion, '.python-version', /^(?:c?python-?)?(3(?:\.\d{1,2}){0,2}(?:(?:a|b|rc)\d{1,2})?)$/i) ??
    fromLine(files.runtimeTxt, 'runtime.txt', /^python-(3(?:\.\d{1,2}){0,2}(?:\.x)?)$/i) ??
    fromRange(files.requiresPython)
  );
}

function fromLine(text: string | null | undefined, source: string, form: RegExp): WantedPython | null {
  if (text === null || text === undefined) return null;
  const line = checkedText(source, text)
    .split(/\r\n|\n|\r/)
    .map((one) => one.replace(/#.*$/, '').trim())
    .find((one) => one !== '');
  if (line === undefined) return null;
  const match = form.exec(line);
  if (match === null)
    throw badConfig(source, [`${showValue(line)} is not a version of Python that can be had`], advice);
  return { spec: match[1]!.replace(/\.x$/i, ''), source };
}

function fromRange(text: string | null | undefined): WantedPython | null {
  const spec = (text ?? '').replace(/\s+/g, '');
  if (spec === '' || spec === '*') return null;
  if (clauses(spec) === null)
    throw badConfig('pyproject.toml', [`requires-python: ${showValue(text)} is not a range of versions`], advice);
  return { spec, source: 'requires-python' };
}

type Clause = { operator: string; parts: number[]; isPrefix: boolean };

function clauses(spec: string): Clause[] | null {
  const list = spec
    .split(',')
    .filter((one) => one !== '')
    .map((one) => {
      const match = /^(===|==|!=|<=|>=|~=|<|>)?(\d{1,4}(?:\.\d{1,4}){0,3})(\.\*)?(?:(?:a|b|rc|\.?dev)\d*)?$/.exec(one);
      if (match === null) return null;
      return {
        operator: match[1] ?? '==',
        parts: match[2]!.split('.').map(Number),
        isPrefix: match[1] === undefined || match[3] !== undefined,
      };
    });
  return list.some((one) => one === null) ? null : (list as Clause[]);
}

/** True when `version` ("3.11.2") is within `spec` ("3.11", ">=3.9,<3.12"). */
export function pythonSatisfies(version: string, spec: string): boolean {
  const have = version.split('.').map((part) => Number.parseInt(part, 10));
  const order = (parts: readonly number[], length = Math.max(parts.length, have.length)): number => {
    for (let index = 0; index < length; index++) {
      const difference = (have[index] ?? 0) - (parts[index] ?? 0);
      if (difference !== 0) return Math.sign(difference);
    }
    return 0;
  };
  return (clauses(spec.replace(/\s+/g, '')) ?? [{ operator: 'none', parts: [], isPrefix: false }]).every(
    ({ operator, parts, isPrefix }) => {
      const same = order(parts, isPrefix ? parts.length : undefined) === 0;
      if (operator === '==' || operator === '===') return same;
      if (operator === '!=') return !same;
      if (operator === '>=') return order(parts) >= 0;
      if (operator === '<=') return order(parts) <= 0;
      if (operator === '>') return order(parts) > 0;
      if (operator === '<') return order(parts) < 0;
      return operator === '~=' && order(parts) >= 0 && order(parts, parts.length - 1) === 0;
    },
  );
}
