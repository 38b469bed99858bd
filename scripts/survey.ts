// `node scripts/bootstrap.js scripts/survey.ts [--only NAME,NAME] [--again] [--no-by-hand] [--out docs/gate-survey.md]`: known projects
// through the gate of a real Lockstep, without a line of configuration: what was detected, run and found, beside their own commands
// by hand; then a line that breaks style, which must be rejected by file and line, and one that is harmless, which must land. It
// takes the projects by the ordinary clients, so it needs the network; it is no part of our own gate. What is known of a project
// stays in a folder under the system's temporary one, so that a survey that was broken off goes on where it was; `--again` asks the
// gate anew, and `--no-by-hand` leaves the projects' own commands for another time.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, Stage } from '../test/support/stage.ts';
import { handOf, survey, type Told } from './survey/one.ts';
import { pageOf } from './survey/page.ts';
import { appName, type Project, projects } from './survey/projects.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    again: { type: 'boolean', default: false },
    'by-hand': { type: 'boolean', default: true },
    out: { type: 'string' },
  },
  allowNegative: true,
});

const kept = join(tmpdir(), `lockstep-survey-${process.getuid?.() ?? 0}`);
mkdirSync(kept, { recursive: true, mode: 0o755 });
const fileOf = (project: Project) => join(kept, `${appName(project)}-${project.version}.json`);
const known = (project: Project): Told[] =>
  existsSync(fileOf(project)) ? [JSON.parse(readFileSync(fileOf(project), 'utf8'))] : [];
const keep = (project: Project, told: Told) => writeFileSync(fileOf(project), JSON.stringify(told, null, 2));

const names = values.only?.split(',');
const chosen = projects.filter((project) => names === undefined || names.includes(appName(project)));
const forGate = chosen.filter((project) => values.again || known(project).length === 0);
if (forGate.length > 0) {
  await using stage = await Stage.open();
  stage.giveTools('mypy', 'pyright', 'sphinx', 'mkdocs', 'black', 'go');
  for (const [index, project] of forGate.entries()) {
    const say = (text: string) =>
      process.stderr.write(`gate ${index + 1}/${forGate.length} ${project.name}: ${text}\n`);
    say(project.version);
    const told = await survey(stage, project, kept);
    // What is known stays known when a later one is broken off.
    keep(project, { ...told, hand: await handOf(stage, project, kept, false) });
    say(told.broke ?? `${told.outcome} in ${(told.wallMs / 1000).toFixed(1)} s; ${told.bad}; ${told.good}`);
  }
}
{
  await using stage = Stage.bare();
  for (const project of chosen)
    for (const told of known(project)) {
      if (values['by-hand']) process.stderr.write(`by hand ${project.name}\n`);
      keep(project, { ...told, hand: await handOf(stage, project, kept, values['by-hand']) });
    }
}
const page = pageOf(projects.flatMap(known), projects);
if (values.out) writeFileSync(join(root, values.out), page);
else process.stdout.write(page);
