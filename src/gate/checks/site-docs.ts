// Documentation by MkDocs in a repository that holds no Python at its top (a site of its own, or beside a Go or Node program): asked
// as Python's is. With the packages of the gate's layer where that is Python's, else with Lockstep's MkDocs alone.
import type { Check, GateFacts } from '../check.ts';
import { partsOf } from '../part.ts';
import { nodeDocs } from './node-docs.ts';
import { docsTool, pythonDocs } from './python-docs.ts';

const isOfPython = ({ paths }: GateFacts): boolean =>
  partsOf(paths).some(({ language, root }) => language === 'python' && root === '');

export const siteDocs: Check = {
  ...pythonDocs,
  language: 'any',
  applies: (facts) => docsTool(facts).tool === 'mkdocs' && !isOfPython(facts) && !nodeDocs.applies(facts),
  plan(facts) {
    const plan = pythonDocs.plan(facts);
    return plan && { ...plan, layer: facts.gateLayer === 'python' ? 'gate' : 'none' };
  },
};
