import { app } from './app.js';

const port = Number(process.env.PORT ?? 3000);
const host = process.env.HOST ?? '127.0.0.1';
const server = app.listen(port, host, () => console.log(`listens on ${port}`));
process.on('SIGTERM', () => server.close());
