import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name: name.replaceAll('\\', '/'), text: readFileSync(join('src', name), 'utf8') }));
const named = (pattern: RegExp): string[] => sources.filter(({ text }) => pattern.test(text)).map(({ name }) => name);

it('one file writes the member table, and one function has it do so: no verb goes past what is kept with a member (a halt cuts by predicate, a bundle raises versions, accreditations move an end, and all leave content and keys alone)', () => {
  const sql = /(INSERT INTO|INSERT OR \w+ INTO|REPLACE INTO|UPDATE|DELETE FROM)\s+[`"]?member[`"]?[\s(]/;
  const drizzle = /\.(update|delete|insert)\(\s*(schema\.)?member\s*\)|insert(Rows|Missing|With)\(\s*(schema\.)?member\s*,/;
  expect([...new Set([...named(sql), ...named(drizzle)])]).toEqual([
    'store/bundles.ts',
    'store/member-ends.ts',
    'store/member-rows.ts',
    'store/suspend-organization.ts',
  ]);
  expect(named(/from '[./]*(store\/)?member-rows\.js'/).toSorted()).toEqual([
    'operations/members/index-members.ts',
    'operations/members/write-member.ts',
    'store/erase-copies.ts',
  ]);
});

it('what rests on what is said in one place: operations state facts, and nobody else uses the statements behind them', () => {
  const named = ({ text }: { text: string }) => /import (\{[^}]*\}) from '[./]*store\/known-entities\.js'/.exec(text)?.[1];
  const users = sources.filter((one) => /\b(?!type\b|KnownEntity\b|newlyKnown\b)[a-z]\w+/.test(named(one) ?? '')).map(({ name }) => name);
  expect(users).toEqual(['operations/facts.ts']);
});
