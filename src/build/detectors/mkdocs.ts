// A site of pages that MkDocs makes: its configuration, and no program beside it but the hooks that it names itself.
import { madeSite } from '../mkdocs-layers.ts';
import { hasFile, readSource, type TreeView } from '../tree-view.ts';
import { type Detector, foreignSign } from './detection.ts';

/** Null: none. */
const mkdocsConfig = (view: TreeView): string | null =>
  ['mkdocs.yml', 'mkdocs.yaml'].find((one) => hasFile(view, one)) ?? null;

export const mkdocsDetector: Detector = {
  name: 'MkDocs',
  looksFor: 'mkdocs.yml without a program',
  async detect(view) {
    const config = mkdocsConfig(view);
    if (config === null || (await foreignSign(view)) !== null) return null;
    const text = (await readSource(view, config)) ?? '';
    const isProgram = ({ path }: { path: string }) => path.endsWith('.py') && !text.includes(path);
    if (view.list().some(isProgram)) return null;
    return {
      name: 'MkDocs',
      rank: 9,
      why: `${config}, and no program: its pages are served`,
      language: 'mkdocs',
      web: { server: 'static', root: madeSite },
      alternatives: [],
      notes: [],
    };
  },
};
