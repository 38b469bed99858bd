// Which boot of the machine this is: a process of another one cannot run, and a port of another one is nobody's.
import { readFileSync } from 'node:fs';

/** Changes with every boot of the machine. */
export const kernelBoot = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
