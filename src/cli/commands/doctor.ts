// `lockstep doctor`: what is not as it should be, and with --fix what could be mended. Exit 0 only when no problem is left.
import type { DoctorRepair, DoctorReport } from '../../domain/doctor.ts';
import { parseAppName } from '../../domain/names.ts';
import { doctorLines, fixedLines } from '../present/doctor.ts';
import type { Session } from '../session.ts';

const path = '/api/v1/doctor';

/** @throws not-found for an app that is not there */
export async function doctor(session: Session): Promise<number> {
  const given = session.text('app');
  const app = given === undefined ? null : parseAppName(given);
  const api = await session.api();
  if (session.has('fix')) {
    const { body } = await api.send<DoctorRepair>('POST', `${path}/repairs`, { app });
    if (session.isJson) session.printJson({ fixed: body.fixed, ...body.report });
    else
      for (const line of [...fixedLines(body, session.paint), ...doctorLines(body.report, session.paint)])
        session.print(line);
    return body.report.problems.length === 0 ? 0 : 1;
  }
  const report = await api.get<DoctorReport>(app === null ? path : `${path}?app=${app}`);
  if (session.isJson) session.printJson(report);
  else for (const line of doctorLines(report, session.paint)) session.print(line);
  return report.problems.length === 0 ? 0 : 1;
}
