// Django: manage.py names the settings, beside which lies wsgi.py.
import { posix } from 'node:path';
import { hasFile, readSource } from '../tree-view.ts';
import type { Detector } from './detection.ts';

export const djangoDetector: Detector = {
  name: 'Django',
  looksFor: 'manage.py with DJANGO_SETTINGS_MODULE and a wsgi.py',
  async detect(view) {
    const managers = view
      .list()
      .map(({ path }) => path)
      .filter((path) => /^(?:[^/]+\/){0,2}manage\.py$/.test(path))
      .sort((a, b) => a.length - b.length);
    for (const manager of managers.slice(0, 10)) {
      const text = await readSource(view, manager);
      const settings = /DJANGO_SETTINGS_MODULE["']\s*,\s*["']([A-Za-z_][\w.]*)["']/.exec(text ?? '')?.[1];
      if (settings === undefined) continue;
      const root = posix.dirname(manager);
      const packages = settings.split('.').slice(0, -1);
      for (; packages.length > 0; packages.pop()) {
        if (hasFile(view, posix.join(root, ...packages, 'wsgi.py'))) break;
      }
      if (packages.length === 0) continue;
      return {
        name: 'Django',
        rank: 90,
        why: `${manager} names ${settings}`,
        web: { server: 'wsgi', target: `${packages.join('.')}.wsgi:application`, chdir: root === '.' ? null : root },
        alternatives: [],
        notes: [`Django: migrations run only if you say so: release: python ${manager} migrate`],
      };
    }
    return null;
  },
};
