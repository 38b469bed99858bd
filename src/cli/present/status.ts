// An app's status for people: one line that answers "is main what is live?", then the parts that it follows from.
import type { AppStatus } from '../../api/platform.ts';
import type { Paint } from './paint.ts';
import { table } from './table.ts';
import { ago, short } from './text.ts';

const instanceColour = { healthy: 'green', failed: 'red', unhealthy: 'red', 'backing-off': 'red' } as const;

/** The lines of `lockstep status`. */
export function statusLines(status: AppStatus, paint: Paint, nowMs: number): string[] {
  const colour = { 'IN SYNC': paint.green, DRIFTED: paint.red, DEPLOYING: paint.yellow, EMPTY: paint.dim }[
    status.state
  ];
  const version = status.release?.version;
  const rows = [
    ['main', status.main ? `${short(status.main.commit)}  tree ${short(status.main.tree)}` : 'nothing pushed yet'],
    [
      'release',
      status.release
        ? `${version ? `v${version}` : 'not live yet'}  commit ${short(status.release.commit)}  artifact ${short(status.release.artifact)}`
        : '-',
    ],
    ...(status.image ? [['image', imageWords(status.image)]] : []),
    ...(status.served
      ? [['files', `tree ${short(status.served.tree)}, computed from the ${status.served.files} files on the disk`]]
      : []),
    ['router', routerWords(status.router)],
    ...instanceRows(status.instances, paint, nowMs).map((row, index) => [index === 0 ? 'instances' : '', row]),
    ['address', paint.cyan(status.url)],
    ...(status.docsUrl ? [['docs', paint.cyan(status.docsUrl)]] : []),
  ];
  return [
    `${paint.bold(status.app)}  ${colour(status.state)}  ${status.why}`,
    ...table(rows.map(([name, value]) => [`  ${name}`, value!])),
    ...status.problems.flatMap(({ code, what, advice }) => [`  ${paint.red(code)}  ${what}`, `    ${advice}`]),
  ];
}

function imageWords({ id, containers }: NonNullable<AppStatus['image']>): string {
  const of = containers.filter(({ image }) => image === id).length;
  const others = containers
    .filter(({ image }) => image !== id)
    .map(({ image }) => (image ? shortImage(image) : 'none'));
  const strange = others.length === 0 ? '' : `; others of ${others.join(', ')}`;
  return `${shortImage(id)}, of ${of} container${of === 1 ? '' : 's'}${strange}`;
}

/** As docker shows it. */
const shortImage = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);

function routerWords({ release, generation, instances }: AppStatus['router']): string {
  if (release === null) return '-';
  const count = `${instances.length} instance${instances.length === 1 ? '' : 's'}`;
  return `${release}, to ${count} (routes ${generation ?? '?'})`;
}

function instanceRows(instances: AppStatus['instances'], paint: Paint, nowMs: number): string[] {
  if (instances.length === 0) return ['none'];
  return table(instanceTable(instances, paint, nowMs));
}

/** One row an instance: type, state, pid, port, age, and what is to be said about it. */
export function instanceTable(instances: AppStatus['instances'], paint: Paint, nowMs: number): string[][] {
  return instances.map((instance) => {
    const name = instanceColour[instance.state as keyof typeof instanceColour];
    return [
      instance.type,
      name ? paint[name](instance.state) : instance.state,
      instance.pid === null ? '-' : `pid ${instance.pid}`,
      instance.port === null ? '-' : `port ${instance.port}`,
      ago(instance.startedAtMs, nowMs),
      [instance.restarts > 0 ? `${instance.restarts} restarts` : '', instance.reason ?? '', ...instance.notes]
        .filter((part) => part !== '')
        .join('; '),
    ];
  });
}
