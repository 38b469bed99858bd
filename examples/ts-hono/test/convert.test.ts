import { expect, test } from 'vitest';
import { app } from '../src/app.ts';
import { convert, isUnit } from '../src/convert.ts';

test('lengths are converted both ways', () => {
  expect(convert(1, 'km', 'm')).toBe(1000);
  expect(convert(1, 'mi', 'km')).toBe(1.609344);
  expect(convert(convert(7, 'ft', 'mi'), 'mi', 'ft')).toBeCloseTo(7, 2);
});

test('only units are units', () => {
  expect(isUnit('km')).toBe(true);
  expect(isUnit('toString')).toBe(false);
});

test('the service answers, and refuses nonsense', async () => {
  const answer = await app.request('/12/km/mi');
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ value: 7.456454, unit: 'mi' });
  expect((await app.request('/')).status).toBe(200);
  expect((await app.request('/twelve/km/mi')).status).toBe(400);
});
