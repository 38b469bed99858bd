// Whose a volume is when the app moves between users: processes of this machine and images that Lockstep wrote run as the app's own user, people's
// own images as whom they say (root, mostly). What takes a volume over never takes it away: old and new instance use it at the same time, and a new
// one may be refused. So a volume that an image of people's own uses is shared by a group that nobody else is in, and its files keep an owner
// who can read them. The walks are made by coreutils, which follow no link that an app puts in their way.
//
// The folder's own mode says what is to be done: 0700 never shared; 2770 shared, last used by a container; 6770 shared, and used by the app's
// own user since, whose new files the group cannot write.
import { chmod, lchown, lstat } from 'node:fs/promises';
import type { AppRef } from '../../domain/agent.ts';
import { run } from '../../exec/exec.ts';

const [shared, usedSince] = [0o2770, 0o6770];
/** Of a million files. */
const walkMs = 120_000;

/** A number that is the group of nobody: the gate's user has the app's. null: there are no users of its own. */
export const sharingGroup = ({ gateUid, liveUid }: AppRef): number | null =>
  process.getuid?.() === 0 && liveUid !== null ? gateUid : null;

/** For a container whose user is not the app's own. */
export async function shareVolume(volume: string, app: AppRef): Promise<void> {
  const group = sharingGroup(app);
  if (group === null) return;
  const now = await lstat(volume);
  if (now.gid === group && (now.mode & 0o7777) === shared) return;
  const owner = app.liveUid!;
  await walk('/usr/bin/chown', '-R', '-h', `${owner}:${group}`, '--', volume);
  // As the owner, so that nothing but his own can be changed.
  const asOwner = ['/usr/bin/setpriv', `--reuid=${owner}`, `--regid=${app.gid ?? owner}`, `--groups=${group}`, '--'];
  await chmod(volume, shared);
  await walk(...asOwner, '/usr/bin/chmod', '-R', 'g+rwX', '--', volume);
  await walk(
    ...asOwner,
    '/usr/bin/find',
    volume,
    '-mindepth',
    '1',
    '-type',
    'd',
    '-exec',
    '/usr/bin/chmod',
    'g+s',
    '{}',
    '+',
  );
  await chmod(volume, shared);
}

/** For what runs as the app's own user: what others have made there becomes its own. */
export async function takeVolume(volume: string, app: AppRef): Promise<void> {
  const group = sharingGroup(app);
  if (group === null) return;
  const now = await lstat(volume);
  if (now.gid !== group) return;
  await walk('/usr/bin/chown', '-R', '-h', String(app.liveUid), '--', volume);
  await lchown(volume, app.liveUid!, group);
  await chmod(volume, usedSince);
}

/** A file that vanishes meanwhile is none of ours to complain of. */
async function walk(...argv: string[]): Promise<void> {
  await run(argv, { env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, timeoutMs: walkMs, okCodes: [0, 1] });
}
