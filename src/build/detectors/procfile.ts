// A Procfile with a `web` line decides over all guesses.
import { readProcfile } from '../../config/readers/procfile.ts';
import { readConfigFile } from '../tree-view.ts';
import type { Detector } from './detection.ts';

export const procfileDetector: Detector = {
  name: 'Procfile',
  looksFor: 'a Procfile with a web line',
  async detect(view) {
    const text = await readConfigFile(view, 'Procfile');
    const web = text === null ? undefined : readProcfile(text).find(({ name }) => name === 'web');
    if (!web) return null;
    return {
      name: 'Procfile',
      rank: 100,
      why: `Procfile line ${web.line} says web`,
      web: { server: 'own', shell: web.command },
      alternatives: [],
      notes: [],
    };
  },
};
