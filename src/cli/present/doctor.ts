// What the doctor found, for people: the problems with what to do, then what was looked at and what holds on this machine.
import type { DoctorRepair, DoctorReport } from '../../domain/doctor.ts';
import type { Paint } from './paint.ts';
import { table } from './table.ts';
import { safeLine, seconds } from './text.ts';

/** The lines of `lockstep doctor`. */
export function doctorLines(report: DoctorReport, paint: Paint): string[] {
  const { problems, checked, notes, machine } = report;
  const head =
    problems.length === 0
      ? paint.green('no problem')
      : paint.red(problems.length === 1 ? 'one problem' : `${problems.length} problems`);
  const counts = checked.map(({ what, count }) => `${count} ${what}`).join(', ');
  return [
    `${head}  (looked at ${counts} in ${seconds(report.durationMs)})`,
    ...problems.flatMap(({ code, app, what, advice }) => [
      `  ${paint.bold(app ?? 'lockstep')}  ${paint.red(code)}  ${safeLine(what)}`,
      `    ${safeLine(advice)}`,
    ]),
    ...notes.map((note) => `  ${paint.dim('note')}  ${safeLine(note)}`),
    ...machineLines(machine, paint),
  ];
}

/** The lines before them, after `--fix`. */
export function fixedLines({ fixed }: DoctorRepair, paint: Paint): string[] {
  return fixed.map(
    ({ code, app, what }) => `${paint.green('mended')}  ${app ?? 'lockstep'}  ${code}  ${safeLine(what)}`,
  );
}

function machineLines(machine: DoctorReport['machine'], paint: Paint): string[] {
  const { disk, enforcement, engine } = machine;
  const holds = (enforcement.holds ?? []) as readonly { limit: string; by: string }[];
  const limits = holds.map(({ limit, by }) => (by === 'nothing' ? `no limit of ${limit}` : `${limit} by ${by}`));
  const gigabytes = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GB`;
  const rows = [
    ['versions', `lockstep ${machine.version}, node ${machine.node}, git ${machine.git ?? '-'}`],
    ['languages', machine.interpreters.join(', ') || 'none'],
    ['tools', machine.tools.join(', ') || 'none yet'],
    ['users', enforcement.identities ? 'each app has its own' : 'shared'],
    ['limits', limits.join(', ') || 'unknown'],
    ...(engine ? [['containers', safeLine(engine.what)]] : []),
    ...(engine?.advice ? [['', safeLine(engine.advice)]] : []),
    ['disk', disk ? `${gigabytes(disk.freeBytes)} of ${gigabytes(disk.totalBytes)} free` : '-'],
  ];
  return table(rows.map(([name, value]) => [paint.dim(`  ${name}`), value!]));
}
