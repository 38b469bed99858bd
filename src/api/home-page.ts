// The page at the platform's own address, for a person who opens it in a browser. It loads nothing.

/** @param version shown as it is: ours, never a stranger's */
export function homePage(version: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Lockstep</title>
<h1>Lockstep</h1>
<p>What is on main is what is live. This is version ${version} of a platform that proves a commit, lands it on main and
serves it, or refuses it with a reason.</p>
<h2>To begin</h2>
<p>On the machine that it runs on, the command line is logged in already. Elsewhere: <code>lockstep login</code>, with a
token that <code>lockstep tokens create</code> gave. Then, in a Git work tree:</p>
<pre>lockstep create blog
git push lockstep main</pre>
<p>Programs use the API: <a href="/api/v1/openapi.json">/api/v1/openapi.json</a> describes it.</p>
</html>
`;
}
