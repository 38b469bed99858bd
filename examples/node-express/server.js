import { app } from './app.js';

const port = Number(process.env.PORT ?? 3000);
const server = app.listen(port, '127.0.0.1', () => console.log(`listens on ${port}`));
process.on('SIGTERM', () => server.close());
