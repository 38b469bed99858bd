// `lockstep gate --print`: what would run, and where each line of it comes from.
import { safe } from '../../gate/messages.ts';
import { table } from '../present/table.ts';
import { type GateWork, onlyOf } from './gate-work.ts';

export async function printPlan({ session, checkout, treeInto }: GateWork): Promise<number> {
  const { localPlan } = await import('../../main/local/plan.ts');
  const baseTree = checkout.base?.tree ?? null;
  const found = await localPlan({ objects: checkout.objects, treeInto, baseTree, only: onlyOf(session) });
  if (session.isJson) {
    session.printJson({ base: checkout.base && { commit: checkout.base.commit, from: checkout.base.why }, ...found });
    return 0;
  }
  const { base } = checkout;
  session.print(base ? `main: ${base.commit.slice(0, 7)} (${base.why})` : 'main: none is known, so it is a first push');
  session.print(`app: ${safe(found.plan.detector)}: ${safe(found.plan.why)}`);
  const isImage = found.checks.some(({ where }) => where !== undefined);
  const row = (words: string[], where: string): string[] => (isImage ? [...words, where] : words);
  const rows = [...found.checks, ...found.figures].map(({ what, value, from, where }) =>
    row([what, safe(value), from], safe(where ?? '')),
  );
  for (const line of table([row(['what', 'runs, or holds main to', 'from'], 'in'), ...rows]))
    session.print(line.trimEnd());
  for (const note of found.plan.notes) session.print(`note: ${safe(note)}`);
  for (const one of found.suggestions) session.print(`suggestion: ${safe(one)}`);
  return 0;
}
