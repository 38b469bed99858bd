// Static files. Never beside the source of an application: that would be served as text.
import { hasFile } from '../tree-view.ts';
import { type Detector, foreignSign, hasPython } from './detection.ts';

export const staticDetector: Detector = {
  name: 'static files',
  looksFor: 'index.html at the root, in public, dist, build, _site or site',
  async detect(view) {
    if (hasPython(view) || (await foreignSign(view)) !== null) return null;
    const root = ['.', 'public', 'dist', '_site', 'site', 'build'].find((one) =>
      hasFile(view, one === '.' ? 'index.html' : `${one}/index.html`),
    );
    if (root === undefined) return null;
    return {
      name: 'static files',
      rank: 10,
      why: `index.html in ${root === '.' ? 'the root' : root}`,
      web: { server: 'static', root },
      alternatives: [],
      notes: [],
    };
  },
};
