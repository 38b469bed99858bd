// The router process: serves until SIGTERM. Its first line on stdout says that it is ready, with the real port; every line is
// one JSON object. Usage: LOCKSTEP_HOME=<folder> node router.ts --port 8080 [--public] [--uid 990 --gid 990]
import { parseArgs } from 'node:util';
import { readConfig } from '../config/config.ts';
import { errorRegistry, fail, isFailure } from '../domain/errors.ts';
import { collectAtRest } from '../lib/collect-at-rest.ts';
import { keepCompiled } from '../lib/keep-compiled.ts';
import { waitingLineLog } from '../lib/line-log.ts';
import { limitRate } from '../router/log-rate.ts';
import { startRouter } from '../router/start-router.ts';
import { goOnUntilTooMany } from './uncaught.ts';

const drainMs = 10_000;
const logLinesPerSecond = 50;
const startedAt = performance.now();

// Whoever read our lines may die before us, and the disk may be full; sites go on.
const say = waitingLineLog(1, 'router');

function numericId(name: string, value: string | undefined): number | null {
  if (value === undefined) return null;
  if (!/^\d{1,10}$/.test(value)) throw fail('bad-request', `--${name} is not a number`);
  return Number(value);
}

async function main(): Promise<void> {
  keepCompiled();
  const { values } = parseArgs({
    options: {
      home: { type: 'string' },
      port: { type: 'string' },
      public: { type: 'boolean', default: false },
      uid: { type: 'string' },
      gid: { type: 'string' },
    },
  });
  const flags = {
    ...(values.home === undefined ? {} : { home: values.home }),
    ...(values.port === undefined ? {} : { port: values.port }),
  };
  const config = readConfig(flags, process.env, process.getuid?.() === 0);
  const uid = numericId('uid', values.uid);
  const gid = numericId('gid', values.gid);
  const router = await startRouter({
    home: config.home,
    port: config.port,
    bindAddress: values.public ? '::' : config.bindAddress,
    identity: uid === null || gid === null ? null : { uid, gid },
    log: limitRate(
      logLinesPerSecond,
      () => performance.now(),
      (line) => say({ level: 'warn', ...line }),
    ),
  });
  const { port, generation, alarm } = router;
  const ms = Math.round(performance.now() - startedAt);
  say({ event: 'ready', port, generation, pid: process.pid, ms });
  if (alarm !== null) say({ level: 'error', event: 'alarm', message: alarm });
  collectAtRest();
  // One request that we did not foresee must not end the others.
  process.on(
    'uncaughtException',
    goOnUntilTooMany((message) => say({ level: 'error', code: 'L17', message })),
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => void router.close(drainMs).then(() => process.exit(0)));
}

main().catch((error: Error) => {
  const isUsage = String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS');
  const failure = isFailure(error) ? error : isUsage ? fail('bad-request', error.message) : null;
  const advice = failure?.advice ? ` ${failure.advice}` : '';
  process.stderr.write(`lockstep router: ${error.message}.${advice}\n`);
  process.exit(failure === null ? 70 : errorRegistry[failure.code].exit);
});
