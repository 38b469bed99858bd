// A network of its own, with nothing in it but a loopback: by a network namespace, and as an ordinary user within a user
// namespace. Whether the machine allows it is read off the kernel's settings; a launch finds out for itself and says so.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('./netless.sh', import.meta.url));
const unshare = '/usr/bin/unshare';

/** Put before a command; it is still ours then, with our privileges. */
export function netlessArgv(uid = process.getuid?.() ?? -1, gid = process.getgid?.() ?? -1): string[] {
  if (!existsSync(unshare)) return [];
  return ['/bin/sh', script, uid === 0 ? 'root' : 'user', String(uid), String(gid)];
}

const known = new Map<number, boolean>();

/** As far as the kernel's settings say; looked at once. */
export function hasNetworkNamespaces(uid = process.getuid?.() ?? -1): boolean {
  const found = known.get(uid) ?? look(uid);
  known.set(uid, found);
  return found;
}

function look(uid: number): boolean {
  if (!existsSync(unshare) || !existsSync('/proc/self/ns/net')) return false;
  if (uid === 0) return hasCapability(sysAdmin);
  const setting = (path: string): string | null => {
    try {
      return readFileSync(path, 'latin1').trim();
    } catch {
      return null;
    }
  };
  return (
    setting('/proc/sys/user/max_user_namespaces') !== '0' &&
    setting('/proc/sys/kernel/unprivileged_userns_clone') !== '0' &&
    setting('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') !== '1'
  );
}

const sysAdmin = 21n;

function hasCapability(bit: bigint): boolean {
  try {
    const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return mask !== undefined && ((BigInt(`0x${mask}`) >> bit) & 1n) === 1n;
  } catch {
    return false;
  }
}
