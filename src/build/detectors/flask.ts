// Flask: what .flaskenv names, else the best ranked object or factory.
import { readConfigFile } from '../tree-view.ts';
import { findCallables, losers } from './callables.ts';
import type { Detector } from './detection.ts';
import { findInstanceFolder } from './instance-folder.ts';

export const flaskDetector: Detector = {
  name: 'Flask',
  looksFor: 'app = Flask(...) or a create_app() factory',
  async detect(view) {
    const candidates = await findCallables(view, 'Flask|APIFlask|Quart');
    const named = /^(?:export\s+)?FLASK_APP\s*=\s*["']?([\w./:]+(?:\(\))?)["']?\s*$/m.exec(
      (await readConfigFile(view, '.flaskenv')) ?? '',
    )?.[1];
    const [module, object] = (named ?? '')
      .replace(/\.py(?=:|$)/, '')
      .replace(/^\.?\/?(?:src\/)?/, '')
      .replaceAll('/', '.')
      .split(':');
    const inModule = candidates.filter(({ target }) => target.split(':')[0] === module);
    const chosen = named
      ? inModule.find(
          ({ target }) => object === undefined || target.split(':')[1]!.replace('()', '') === object.replace('()', ''),
        )
      : undefined;
    const winner = chosen ?? candidates[0];
    if (winner === undefined) return null;
    const folder = await findInstanceFolder(view);
    return {
      name: 'Flask',
      rank: 80,
      why: chosen ? `.flaskenv says FLASK_APP=${named}` : winner.says,
      web: { server: 'wsgi', target: winner.target, chdir: null },
      alternatives: losers(candidates, winner.target),
      notes: candidates.length > 1 ? [`${winner.target} was chosen; name another with web: in lockstep.yml`] : [],
      ...(folder === null ? {} : { volumes: { data: folder } }),
    };
  },
};
