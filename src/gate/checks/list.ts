// The checks there are. A new question is a new file and one more line here.

import type { Language } from '../../domain/gate.ts';
import type { Check, GateFacts } from '../check.ts';
import { goDocstrings } from './go-docstrings.ts';
import { goLint } from './go-lint.ts';
import { goStyle } from './go-style.ts';
import { goTests } from './go-tests.ts';
import { goVet } from './go-vet.ts';
import { nodeDocs } from './node-docs.ts';
import { nodeDocstrings } from './node-docstrings.ts';
import { nodeStyle } from './node-style.ts';
import { nodeTests } from './node-tests.ts';
import { nodeTypes } from './node-types.ts';
import { preCommit } from './pre-commit.ts';
import { pythonDocs } from './python-docs.ts';
import { pythonDocstrings } from './python-docstrings.ts';
import { pythonFormat } from './python-format.ts';
import { pythonStyle } from './python-style.ts';
import { pythonTests } from './python-tests.ts';
import { pythonMypy, pythonPyright } from './python-types.ts';
import { siteDocs } from './site-docs.ts';
import { siteHtml } from './site-html.ts';
import { siteLinks } from './site-links.ts';

export const checks: readonly Check[] = [
  pythonStyle,
  pythonFormat,
  pythonMypy,
  pythonPyright,
  pythonDocstrings,
  pythonTests,
  pythonDocs,
  goStyle,
  goLint,
  goVet,
  goDocstrings,
  goTests,
  nodeStyle,
  nodeTypes,
  nodeTests,
  nodeDocstrings,
  nodeDocs,
  siteHtml,
  siteLinks,
  siteDocs,
  preCommit,
];

/** Those that ask about a part of this language, and apply to what is in it. */
export function checksFor(facts: GateFacts, language: Language, among: readonly Check[] = checks): Check[] {
  return among.filter((check) => check.language === language && check.applies(facts));
}
