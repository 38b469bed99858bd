// Reading an app's log files: what is missing is empty, and what a crash cut is no line.
import { open, readFile } from 'node:fs/promises';
import type { LogLine } from '../../domain/agent.ts';

/** null for a line that a crash cut. */
export function parseLine(text: string): LogLine | null {
  if (text === '') return null;
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return null;
  }
}

/** The last bytes of a file; empty when it is not there. */
export async function readEnd(file: string, most: number): Promise<{ text: string; fileBytes: number }> {
  try {
    await using handle = await open(file, 'r');
    const { size } = await handle.stat();
    const length = Math.min(size, most);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return { text: buffer.toString('utf8', 0, bytesRead), fileBytes: size };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { text: '', fileBytes: 0 };
  }
}

/** All of a file; empty when it is not there. */
export async function readOrEmpty(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}
