// Who still lives of a stage: processes whose command line, environment or working folder names its folder.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** `pid command line` of every living process of the stage in `folder`; a zombie is dead. */
export function leftOver(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      const state = /\) (\S)/.exec(textOf(`/proc/${pid}/stat`))?.[1];
      if (state === undefined || state === 'Z') return false;
      return [textOf(`/proc/${pid}/cmdline`), textOf(`/proc/${pid}/environ`), linkOf(`/proc/${pid}/cwd`)].some((text) =>
        text.includes(folder),
      );
    })
    .map((pid) => `${pid} ${textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
