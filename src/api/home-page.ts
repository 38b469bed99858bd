// The pages for a person who opens the platform's own address, or an error's `type`, in a browser. They load nothing.
import { errorRegistry } from '../domain/errors.ts';

/** What this is and how to begin. @param version shown as it is: ours, never a stranger's */
export function homePage(version: string): string {
  return page(
    'Lockstep',
    `<p>What is on main is what is live. This is version ${version} of a platform that proves a commit, lands it on main and
serves it, or refuses it with a reason.</p>
<h2>To begin</h2>
<p>On the machine that it runs on, the command line is logged in already. Elsewhere: <code>lockstep login</code>, with a
token that <code>lockstep tokens create</code> gave. Then, in a Git work tree:</p>
<pre>lockstep create blog
git push lockstep main</pre>
<p>Programs use the API: <a href="/api/v1/openapi.json">/api/v1/openapi.json</a> describes it, and
<a href="/docs/errors">/docs/errors</a> lists its errors.</p>`,
  );
}

/** The closed list of errors, each under its own anchor. */
export function errorsPage(): string {
  const entries = Object.entries(errorRegistry).map(
    ([code, { status, exit, title }]) =>
      `<dt id="${code}"><code>${code}</code></dt><dd>${title}. HTTP status ${status}, exit code ${exit}.</dd>`,
  );
  return page('Errors of Lockstep', `<dl>\n${entries.join('\n')}\n</dl>`);
}

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<h1>${title}</h1>
${content}
</html>
`;
}
