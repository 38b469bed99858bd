// Single plain files out of a tar stream that somebody else may have shaped: by their exact names, each within a limit, the whole within one.
// Nothing of it is written anywhere here; links and devices are passed over, and where it breaks off or makes no sense it has ended.
import { isNoArchive, tarEntries } from '../../lib/tar-entries.ts';

export async function* plainFiles(
  chunks: AsyncIterable<Buffer>,
  wanted: ReadonlySet<string>,
  limits: { fileBytes: number; wholeBytes: number },
): AsyncGenerator<{ path: string; bytes: Buffer }> {
  try {
    for await (const { head, content } of tarEntries(within(chunks, limits.wholeBytes))) {
      const path = head.path.replace(/\/+$/, '');
      if (head.type !== '0' || !wanted.has(path) || head.size > limits.fileBytes) continue;
      const pieces: Buffer[] = [];
      for await (const piece of content) pieces.push(piece);
      yield { path, bytes: Buffer.concat(pieces) };
    }
  } catch (error) {
    if (!isNoArchive(error)) throw error;
  }
}

/** What is beyond is not there. */
async function* within(chunks: AsyncIterable<Buffer>, mostBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > mostBytes) return;
    yield chunk;
  }
}
