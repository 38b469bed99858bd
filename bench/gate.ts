// What the gate costs: a line pushed until it is live with every check on, in turns with the same tools by hand; each check on the
// examples; a tree that was checked before; and how fast a queue of merge requests lands, with none, a twentieth and a fifth of
// them red. Usage: npm run bench -- gate [--runs 6] [--merges 20] [--only whole,examples,memo,queue] [--json] [--strict]
import { Stage } from '../test/support/stage.ts';
import { measureExamples } from './gate/examples.ts';
import { measureMemo } from './gate/memo.ts';
import { parseOptions } from './gate/options.ts';
import { measureQueue } from './gate/queue.ts';
import { type Figures, summarize } from './gate/summary.ts';
import { measureWhole } from './gate/whole.ts';
import { machineNow, noiseNow } from './support/machine.ts';
import { print, say } from './support/report.ts';

const shares = [0, 0.05, 0.2];
const options = parseOptions(process.argv.slice(2));
const { runs, merges } = options;
const wants = new Set(options.only);
const noise = [await noiseNow()];
const figures: Figures = { machine: machineNow(), noise, options, whole: null, examples: [], memoMs: [], queues: [] };
await using stage = await Stage.open();
stage.giveTools('mypy', 'black', 'sphinx', 'mkdocs', 'go');
if (wants.has('whole')) figures.whole = await measureWhole(stage, runs, noise);
if (wants.has('memo')) figures.memoMs = await measureMemo(stage, runs, wants.has('whole'));
for (const share of wants.has('queue') ? shares : []) {
  noise.push(await noiseNow());
  const queue = await measureQueue(stage, share, merges);
  figures.queues.push(queue);
  say(`queue, ${share * 100} % red: ${JSON.stringify(queue)}`);
}
if (wants.has('examples')) figures.examples = await measureExamples(stage, runs, noise);
noise.push(await noiseNow());
print(summarize(figures), { isJson: options.isJson, isStrict: options.isStrict });
