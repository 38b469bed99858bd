import { Hono } from 'hono';
import { convert, isUnit } from './convert.ts';

/** The application, without a port: tests ask it directly. */
export const app = new Hono();

app.get('/', (context) => context.html('<!doctype html><title>Units</title><p>Try /12/km/mi</p>'));

app.get('/:value/:from/:to', (context) => {
  const { value, from, to } = context.req.param();
  const number = Number(value);
  if (!Number.isFinite(number) || !isUnit(from) || !isUnit(to)) {
    return context.json({ error: 'a number and two units of m, km, mi, ft, please' }, 400);
  }
  return context.json({ value: convert(number, from, to), unit: to });
});
