// The checks there are. A new question is a new file and one more line here.
import type { Check, GateFacts } from '../check.ts';
import type { Language } from '../part.ts';
import { pythonStyle } from './python-style.ts';
import { pythonTests } from './python-tests.ts';
import { siteHtml } from './site-html.ts';
import { siteLinks } from './site-links.ts';

export const checks: readonly Check[] = [pythonStyle, pythonTests, siteHtml, siteLinks];

/** Those that ask about a part of this language, and apply to what is in it. */
export function checksFor(facts: GateFacts, language: Language, among: readonly Check[] = checks): Check[] {
  return among.filter((check) => check.language === language && check.applies(facts));
}
