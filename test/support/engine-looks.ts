// What a look at the machine's container engine can say, for tests that have none.
import type { EngineLook } from '../../src/domain/engine.ts';

export const readyEngine = { state: 'ready', socket: '/run/engine', facts: {} } as unknown as EngineLook;
export const absentEngine = {
  state: 'absent',
  socket: '/run/engine',
  why: 'there is no /run/engine',
  advice: 'Install.',
} as const satisfies EngineLook;
