// Control's ear: listens to the agent's events for as long as control lives, writes incidents into the ledger, gives an
// agent that has come back the present desired state, and sends what it lacks of it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventType } from '../domain/ledger.ts';
import type { AgentEvent, Incident } from '../domain/observed.ts';
import { endAbandonedChecks } from '../journey/abandoned.ts';
import { Supply } from '../journey/supply.ts';
import { eventOf, type World } from '../journey/world.ts';
import { everyApp } from '../store/apps.ts';
import { inTransaction } from '../store/open.ts';
import { appendEvent } from '../store/transition.ts';

const incidentTypes: Readonly<Record<Incident, EventType>> = {
  crashed: 'instance.crashed',
  restarted: 'instance.restarted',
  'out-of-memory': 'instance.out-of-memory',
  healthy: 'instance.healthy',
  'limit-reached': 'instance.limit-reached',
  'crash-loop': 'instance.crash-loop',
  unhealthy: 'instance.unhealthy',
  flapping: 'instance.flapping',
  'disk-warning': 'app.disk-warning',
  'disk-limit': 'app.disk-limit',
  'disk-freed': 'app.disk-freed',
};

export function keepHearing(world: World): void {
  const supply = new Supply(world);
  const listen = async (): Promise<void> => {
    for (let pauseMs = 10; !world.signal.aborted; ) {
      try {
        for await (const event of world.agent.events(world.signal)) {
          world.observations.take(event);
          pauseMs = 10;
          if (event.type === 'state') resend(world);
          if (event.type === 'state') endAbandonedChecks(world);
          if (event.type === 'state') supply.hear(event.state.instances);
          if (event.type === 'instance') supply.hear([event.instance]);
          if (event.type === 'incident') note(world, event);
        }
      } catch (error) {
        if (!world.signal.aborted)
          world.log({ level: 'warn', message: `the agent is away: ${(error as Error).message}` });
      }
      world.observations.lost();
      await sleep(pauseMs, undefined, { signal: world.signal }).catch(() => {});
      pauseMs = Math.min(500, pauseMs * 2);
    }
  };
  void listen();
}

/** The agent booted from its last document; ours may be newer, or lack a candidate that died with the last control. */
function resend(world: World): void {
  void world.desired
    .publishUntilDone(null, world.signal)
    .catch((error: Error) => world.log({ level: 'error', message: `desired state: ${error.message}` }));
}

function note(world: World, event: Extract<AgentEvent, { type: 'incident' }>): void {
  const app = everyApp(world.database).find((one) => one.id === event.appId);
  const type: EventType | undefined = incidentTypes[event.what];
  // An agent that is newer than this control may have more to tell.
  if (!app || type === undefined) return;
  const about = { teamId: app.teamId, appId: app.id, actor: 'lockstep' };
  const data = { ...(event.instanceId === null ? {} : { instance: event.instanceId }), reason: event.reason };
  inTransaction(world.database, () => appendEvent(world.database, eventOf(about, type, data)));
  world.announce();
}
