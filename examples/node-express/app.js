import express from 'express';
import { add, list, total } from './cart.js';

/** The application, without a port: tests ask it directly. */
export const app = express();

app.use(express.json({ limit: '10kb' }));

app.get('/', (_request, response) => {
  const rows = list()
    .map(({ name, count }) => `<li>${name} x ${count}</li>`)
    .join('');
  response.type('html').send(`<!doctype html><title>Shopping</title><ul>${rows}</ul><p>${total()} things</p>`);
});

app.post('/items', (request, response) => {
  const added = add(request.body?.name, request.body?.count ?? 1);
  if (added === null) return response.status(400).json({ error: 'name and a count of 1 to 99, please' });
  response.status(201).json(added);
});
