// A reporter of node --test: the files in which a test has failed, one a line.
import type { TestEvent } from 'node:test/reporters';

// biome-ignore lint/style/noDefaultExport: what node --test asks of a reporter
export default async function* failedFiles(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const told = new Set<string>();
  for await (const { type, data } of events) {
    if (type !== 'test:fail' || data.todo !== undefined) continue;
    const file = data.file ?? data.name;
    if (told.has(file)) continue;
    told.add(file);
    yield `${file}\n`;
  }
}
