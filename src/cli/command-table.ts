// Every command, as data: what help shows, what is parsed, and where its verb is. docs/cli.md is made from it. A command stands in
// the table of its group; a new one is added there.
import type { CommandSpec } from './command.ts';
import { accessCommands } from './tables/access.ts';
import { appsCommands } from './tables/apps.ts';
import { changesCommands } from './tables/changes.ts';
import { configCommands } from './tables/config.ts';
import { gateCommands } from './tables/gate.ts';
import { imagesCommands } from './tables/images.ts';
import { instancesCommands } from './tables/instances.ts';
import { landingCommands } from './tables/landing.ts';
import { localCommands } from './tables/local.ts';
import { releasesCommands } from './tables/releases.ts';
import { serverCommands } from './tables/server.ts';

/** In the order of `lockstep help`. */
export const commandTable: readonly CommandSpec[] = [
  ...serverCommands,
  ...appsCommands,
  ...landingCommands,
  ...gateCommands,
  ...localCommands,
  ...changesCommands,
  ...releasesCommands,
  ...configCommands,
  ...instancesCommands,
  ...imagesCommands,
  ...accessCommands,
];
