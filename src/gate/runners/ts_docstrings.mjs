// The exported declarations of TypeScript files, and whether each says what it is: [{file, line, name, kind, isDocumented}].
// Only syntax is read: nothing is resolved, nothing of the project runs.
//
// ts_docstrings.mjs TYPESCRIPT FILES OUT
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [typescript, list, out] = process.argv.slice(2);
const ts = createRequire(import.meta.url)(join(typescript, 'lib', 'typescript.js'));
const definitions = [];

for (const file of JSON.parse(readFileSync(list, 'utf8'))) {
  const kind = file.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true, kind);
  // `export { a, b }`, `export default a`: the names of this file that are exported elsewhere in it.
  const named = new Set();
  for (const one of source.statements) {
    if (ts.isExportDeclaration(one) && !one.moduleSpecifier && one.exportClause && ts.isNamedExports(one.exportClause))
      for (const each of one.exportClause.elements) named.add((each.propertyName ?? each.name).text);
    if (ts.isExportAssignment(one) && ts.isIdentifier(one.expression)) named.add(one.expression.text);
  }
  const seen = new Set();
  for (const one of source.statements) {
    const isExported =
      ts.canHaveModifiers(one) && (ts.getModifiers(one) ?? []).some(({ kind: k }) => k === ts.SyntaxKind.ExportKeyword);
    const word = wordOf(one);
    if (word === null) continue;
    const parts = ts.isVariableStatement(one)
      ? one.declarationList.declarations.filter((d) => ts.isIdentifier(d.name))
      : [one];
    for (const part of parts) {
      const name = part.name?.text ?? 'default';
      if (!isExported && !named.has(name)) continue;
      // Overloads are one function, and so are the parts of a merged interface.
      if (seen.has(name)) continue;
      seen.add(name);
      add(source, part, word, name, isDocumented(one) || isDocumented(part) || overloadsDocumented(source, name));
      if (ts.isClassDeclaration(part)) members(source, part, name);
    }
  }
}

function wordOf(one) {
  if (ts.isFunctionDeclaration(one)) return 'function';
  if (ts.isClassDeclaration(one)) return 'class';
  if (ts.isInterfaceDeclaration(one)) return 'interface';
  if (ts.isTypeAliasDeclaration(one)) return 'type';
  if (ts.isEnumDeclaration(one)) return 'enum';
  return ts.isVariableStatement(one) ? 'constant' : null;
}

function members(source, parent, name) {
  const seen = new Set();
  for (const one of parent.members) {
    if (!ts.isMethodDeclaration(one) && !ts.isGetAccessor(one)) continue;
    if (!ts.isIdentifier(one.name) || seen.has(one.name.text)) continue;
    const hidden = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword, ts.SyntaxKind.OverrideKeyword];
    if ((ts.getModifiers(one) ?? []).some(({ kind }) => hidden.includes(kind))) continue;
    seen.add(one.name.text);
    add(source, one, 'method', `${name}.${one.name.text}`, isDocumented(one));
  }
}

function overloadsDocumented(source, name) {
  return source.statements.some((one) => one.name?.text === name && isDocumented(one));
}

function isDocumented(node) {
  return ts
    .getJSDocCommentsAndTags(node)
    .some((one) => ts.isJSDoc(one) && (ts.getTextOfJSDocComment(one.comment) ?? '').trim() !== '');
}

function add(source, node, kind, name, documented) {
  const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
  definitions.push({ file: source.fileName, line, name, kind, isDocumented: documented });
}

writeFileSync(out, JSON.stringify(definitions));
