// SQL stands in src/store only. Looks at the text of src, then at the canary: a rule that does not fire there is no rule.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** Folders that ask the store by names. Beyond drizzle's typed queries they have no words of their own. */
const ASKING = ['operations', 'admin', 'public', 'resolver', 'cli'];
/** Here one engine or another is spoken to as well, so only what is for all engines is looked at. */
const PLATFORM = 'platform';
/** What takes SQL as text. */
const TAKES_TEXT = {
  'drizzle-orm': ['sql'],
  'store/database.js': ['raw'],
  'store/lots.js': ['overList', 'inPieces'],
  'store/bulk.js': ['insertWith'],
  'store/only-while.js': ['onlyWhile'],
  'store/words.js': ['asNumber', 'asType', 'number', 'NUMBER', 'NUMBERS_OF', 'lasts'],
};
const SQL =
  /\bSELECT\b|\bINSERT\s+INTO\b|\bUPDATE\s+["\w]+\s+SET\b|\bDELETE\s+FROM\b|\bEXISTS\s*\(|\bON\s+CONFLICT\b|\bCASE\s+WHEN\b|\bIS\s+(NOT\s+)?(NULL|DISTINCT)\b|\bORDER\s+BY\b|\bjson_(each|extract|set)\b|\b(instr|coalesce)\s*\(/;

const filesOf = (root, folder) =>
  (existsSync(join(root, folder)) ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }) : [])
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(root, folder, name));

/** @returns lines such as `src/operations/x.ts:3: sql-import raw`, one for each breach */
function breaches(path, { text }) {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  const found = [];
  const add = (node, rule, what) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    found.push({ rule, said: `${path}:${line + 1}: ${rule} ${what}` });
  };
  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const from = node.moduleSpecifier?.text ?? '';
      const banned = Object.entries(TAKES_TEXT).find(([module]) => from === module || from.endsWith(`/${module}`))?.[1] ?? [];
      const bindings = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : node.exportClause;
      const whole = bindings ? ts.isNamespaceImport(bindings) || ts.isNamespaceExport(bindings) : ts.isExportDeclaration(node) && node.moduleSpecifier;
      if (banned.length && whole) add(node, 'sql-import', `* from ${from}`);
      for (const one of whole ? [] : (bindings?.elements ?? [])) {
        const name = (one.propertyName ?? one.name).text;
        if (banned.includes(name)) add(one, 'sql-import', name);
      }
      return;
    }
    const said = ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node) ? node.text : '';
    if (text && SQL.test(said)) add(node, 'sql-text', JSON.stringify(said.trim().slice(0, 60)));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function check(root) {
  const asking = ASKING.flatMap((folder) => filesOf(root, folder));
  const platform = filesOf(root, PLATFORM);
  return {
    looked: asking.length + platform.length,
    found: [...asking.flatMap((path) => breaches(path, { text: true })), ...platform.flatMap((path) => breaches(path, { text: false }))],
  };
}

const real = check('src');
if (real.looked < 50) throw new Error(`only ${real.looked} files were seen: the check looks at nothing`);
for (const { said } of real.found) console.error(`${said}: SQL stands in src/store; give it a name there`);

// Every line of the canary that says what it breaks has to be told of, and no other line.
const CANARY = 'test/support/sql-canary';
const planted = [...ASKING, PLATFORM].flatMap((folder) =>
  filesOf(CANARY, folder).flatMap((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line, n) => [...line.matchAll(/\/\/ breaks (sql-\w+)/g)].map(([, rule]) => `${path}:${n + 1}: ${rule}`)),
  ),
);
const told = check(CANARY).found.map(({ said }) => said.split(' ').slice(0, 2).join(' '));
const silent = planted.filter((one) => !told.includes(one));
const wrong = told.filter((one) => !planted.includes(one));
for (const one of silent) console.error(`${one} did not fire on its planted violation`);
for (const one of wrong) console.error(`${one} fired where nothing is planted`);
console.log(`sql: ${real.looked} files, ${real.found.length} violations; ${planted.length - silent.length} of ${planted.length} planted ones found`);
process.exitCode = real.found.length || silent.length || wrong.length || planted.length === 0 ? 1 : 0;
