import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NARROWING_EVENTS, PLACING_EVENTS, RESTORING_EVENTS } from '../../src/store/narrowing-events.js';

/** After these a status list that was made before says nothing that is not so: they add, or are about what no list says. */
const HARMLESS =
  /^(accreditation\.(added|ending)|anchor\.\w+|api_key\.\w+|application\.\w+|approval\.\w+|audit_key\.\w+|bundle\.\w+|client\.\w+|clock\.\w+|crawl\.\w+|deployment\.(?!restored)\w+|event\.\w+|evidence\.\w+|import\.\w+|join_link\.\w+|members\.reindexing|own_trust_mark\.\w+|person\.\w+|policy\.\w+|proposal\.\w+|role\.\w+|seal_key\.\w+|trust_mark\w*\.\w+)$/;
const HARMLESS_HERE = [
  // Lists of an authority for agents are looked up with what is above it.
  'agent_authority.changed',
  'agent_authority.created',
  'authority.created',
  'authority.key_compromised',
  'authority.quorum_lowered',
  'authority.quorum_raised',
  'key.activated',
  'key.activated_by_force',
  'key.generated',
  'key.imported',
  'key.retired',
  'key.retired_by_force',
  'key.staged',
  'key.superior_ready',
  'member.approved',
  'member.entitlements_changed',
  'member.findings_cleared',
  'member.findings_raised',
  'member.held',
  'member.hold_dismissed',
  'member.hold_ended',
  'member.hosted',
  'member.issuer_changed',
  'member.issuer_ended',
  'member.issuer_vouched',
  'member.key_challenged',
  'member.key_confirmed',
  'member.keys_proven',
  'member.mark_proposed',
  'member.mark_replaced',
  'member.marked',
  'member.reattestation_ending',
  'member.refused',
  'member.taken',
  'member.unhosted',
  'member.withdrawn',
  'organization.created',
  'organization.halted_everywhere',
  'organization.registered',
  'organization.renamed',
];
const CLASSED: readonly string[] = [...NARROWING_EVENTS, ...RESTORING_EVENTS, ...PLACING_EVENTS, ...HARMLESS_HERE];

/** Types of events as the operations write them: whole, or made of what they are about. */
function typesIn(text: string): readonly string[] {
  const whole = [...text.matchAll(/\b(?:type|event):([^,;{}\n]*)/g)].flatMap(([, value = '']) =>
    [...value.matchAll(/'([a-z_]+\.[a-z_]+)'/g)].map(([, name = '']) => name),
  );
  const made = [...text.matchAll(/type: `\$\{kind\}(\.[a-z_]+)`/g)].flatMap(([, end = '']) => [`member${end}`, `application${end}`]);
  return [...whole, ...made];
}

describe('what a status list rests on', () => {
  const files = readdirSync('src/operations', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const found = new Map(files.flatMap((name) => typesIn(readFileSync(`src/operations/${name}`, 'utf8')).map((type) => [type, name] as const)));
  it('every event either may narrow, or restores, or gives a place, or is said here to be about nothing that a list says', () => {
    expect(found.size).toBeGreaterThan(100);
    expect([...found].filter(([type]) => !CLASSED.includes(type) && !HARMLESS.test(type))).toEqual([]);
  });
  it('none is two things', () => {
    expect(CLASSED.filter((type, n) => CLASSED.indexOf(type) !== n || HARMLESS.test(type))).toEqual([]);
  });
});
