// The `lockstep` program's entry (bin/lockstep imports it): the process's words and streams in, its exit code out.
import { processIo } from './io.ts';
import { runCli } from './run-cli.ts';

process.exitCode = await runCli(process.argv.slice(2), processIo());
