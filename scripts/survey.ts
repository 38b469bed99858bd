// `node scripts/bootstrap.js scripts/survey.ts [--only NAME,NAME] [--again] [--out docs/gate-survey.md]`: known projects through the
// gate of a real Lockstep, without a line of configuration: what was detected, run and found, beside their own commands by hand;
// then a line that breaks style, which must be rejected by file and line, and one that is harmless, which must land. It takes the
// projects by the ordinary clients, so it needs the network; it is no part of our own gate. What is known of a project stays in a
// folder under the system's temporary one, so that a survey that was broken off goes on where it was; `--again` asks anew.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, Stage } from '../test/support/stage.ts';
import { survey, type Told } from './survey/one.ts';
import { pageOf } from './survey/page.ts';
import { appName, projects } from './survey/projects.ts';

const { values } = parseArgs({
  options: { only: { type: 'string' }, again: { type: 'boolean', default: false }, out: { type: 'string' } },
});

const kept = join(tmpdir(), `lockstep-survey-${process.getuid?.() ?? 0}`);
mkdirSync(kept, { recursive: true, mode: 0o755 });
const wanted = values.only?.split(',');
const fileOf = (project: (typeof projects)[number]) => join(kept, `${appName(project)}-${project.version}.json`);
const known = (project: (typeof projects)[number]): Told[] =>
  existsSync(fileOf(project)) ? [JSON.parse(readFileSync(fileOf(project), 'utf8'))] : [];
const toDo = projects.filter(
  (project) =>
    (wanted === undefined || wanted.includes(appName(project))) && (values.again || known(project).length === 0),
);

if (toDo.length > 0) await run();
const page = pageOf(projects.flatMap(known), projects);
if (values.out) writeFileSync(join(root, values.out), page);
else process.stdout.write(page);

async function run(): Promise<void> {
  await using stage = await Stage.open();
  stage.giveTools('mypy', 'pyright', 'sphinx', 'mkdocs', 'black', 'go');
  for (const [index, project] of toDo.entries()) {
    const say = (text: string) => process.stderr.write(`${index + 1}/${toDo.length} ${project.name}: ${text}\n`);
    say(project.version);
    const told = await survey(stage, project, kept);
    // What is known stays known when a later one is broken off.
    writeFileSync(fileOf(project), JSON.stringify(told, null, 2));
    say(told.broke ?? `${told.outcome} in ${(told.wallMs / 1000).toFixed(1)} s; ${told.bad}; ${told.good}`);
  }
}
