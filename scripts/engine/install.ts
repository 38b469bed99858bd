// Debian's own engine and registry for tests: installed when they are not there, and never started as services of the machine.
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

const policy = '/usr/sbin/policy-rc.d';
const programs: Readonly<Record<string, string>> = {
  '/usr/sbin/dockerd': 'docker.io',
  '/usr/sbin/iptables': 'iptables',
  '/usr/sbin/ip': 'iproute2',
  '/usr/bin/docker-registry': 'docker-registry',
};

/** Resolves when the programs are there. @throws an Error that says what is missing and cannot be installed */
export function ensureInstalled(): void {
  const missing = Object.entries(programs)
    .filter(([file]) => !existsSync(file) && !existsSync(file.replace('/sbin/', '/bin/')))
    .map(([, name]) => name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw new Error(`install ${missing.join(', ')}: only root on Debian can have that done`);
  process.stderr.write(`-----> An engine for the tests: ${missing.join(', ')}\n`);
  // Without this the package would start an engine of the machine's own.
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const apt = (...words: string[]): void => {
      execFileSync('/usr/bin/apt-get', ['-qq', ...words], {
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    };
    apt('update');
    apt('install', '-y', '--no-install-recommends', ...missing);
  } finally {
    if (isOurs) rmSync(policy);
  }
}
