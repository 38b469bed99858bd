// What the gate would say, asked before anything is proposed.
import type { CommandSpec } from '../command.ts';

export const gateCommands: readonly CommandSpec[] = [];
