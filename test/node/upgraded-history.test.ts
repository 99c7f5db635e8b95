import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fsck } from '../../src/operations/fsck.js';
import { registrationEventsOf } from '../../src/store/registration-events.js';
import { openStore } from '../../src/store/store.node.js';
import { migrationsBefore } from '../support/node/migrations-before.js';
import { tempFolder } from '../support/process.js';
import { sabotage } from '../support/whole-store.js';

/** As every version before format 2 hashed an event. */
const formerHash = (event: Readonly<Record<string, unknown>>): string =>
  bytesToHex(sha256(concatBytes(utf8ToBytes('holdfast-event-v1'), hexToBytes(String(event['prevHash'])), utf8ToBytes(canonicalize(event) as string))));

type Former = readonly [type: string, member: string, detail: object];
const HISTORY: readonly Former[] = [
  ['member.enrolled', 'a', { state: 'active' }],
  ['member.enrolled', 'b', { state: 'vetting' }],
  ['member.activated', 'b', { from: 'approved', to: 'active' }],
  ['member.suspended', 'b', { from: 'active', to: 'suspended' }],
  ['member.suspended', 'b', { from: 'suspended', to: 'suspended', already: true }],
  ['member.resumed', 'b', {}],
  ['member.revoked', 'b', {}],
  ['member.enrolled', 'c', { state: 'vetting' }],
  ['member.refused', 'c', {}],
  ['member.enrolled', 'd', { state: 'active' }],
];
/** By an organization's halt, of which only the organization's event tells. */
const STATES = { a: 'active', b: 'revoked', c: 'refused', d: 'suspended' } as const;

it('a history from before: its events verify as they were hashed, and what became of each subordinate is told from them', async () => {
  const folder = tempFolder();
  const file = join(folder, 'holdfast.db');
  const old = openStore(file, () => 1, { migrations: migrationsBefore(folder, '0015') });
  for (const [id, state] of Object.entries(STATES))
    old.writer
      .prepare(
        `INSERT INTO member (id, authority_id, entity_id, state, entity_types, intermediate, jwks, metadata, constraints, claims, crit, cut, created_at, updated_at, v)
         VALUES (?, 'aut', 'https://' || ? || '.example', ?, '[]', 0, '{"keys":[]}', '{}', '{}', '{}', '[]', 0, 1, 90, 1)`,
      )
      .run(id, id, state);
  let prevHash = '00'.repeat(32);
  for (const [n, [type, subjectId, detail]] of HISTORY.entries()) {
    const row = {
      authorityId: 'aut',
      seq: n + 1,
      at: n,
      type,
      subjectKind: 'member',
      subjectId,
      actorId: 'api',
      actorKind: 'api_key',
      reason: n % 2 ? 'wörds' : null,
      detail,
      artefacts: [],
      prevHash,
    };
    const hash = formerHash(row);
    old.writer
      .prepare(
        'INSERT INTO event (authority_id, seq, at, type, subject_kind, subject_id, actor_id, actor_kind, reason, detail, artefacts, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run('aut', row.seq, n, type, 'member', subjectId, 'api', 'api_key', row.reason, JSON.stringify(detail), '[]', prevHash, hash);
    prevHash = hash;
  }
  old.writer
    .prepare(
      "INSERT INTO authority (id, slug, entity_id, state, metadata, claims, authority_hints, configuration_lifetime_s, statement_lifetime_s, client_auth, key_alg, generation, created_at, updated_at, v) VALUES ('aut', 'main', 'https://aut.example', 'retired', '{}', '{}', '[]', 1, 1, '{}', 'ES256', 1, 1, 1, 1)",
    )
    .run();
  old.close();

  const store = openStore(file, () => 1);
  const told = async (id: string) => (await registrationEventsOf(store.db, 'aut', `https://${id}.example`)).map(({ iat, event }) => `${iat} ${event}`);
  expect(await told('a')).toEqual(['0 registration']);
  expect(await told('b')).toEqual(['2 registration', '3 suspension', '5 registration', '6 revocation']);
  expect(await told('c')).toEqual([]);
  expect(await told('d')).toEqual(['9 registration', '90 suspension']);
  const found = await fsck({ store });
  expect(found.filter(({ code }) => /^(event|registration)/.test(code))).toEqual([]);
  expect(() => store.writer.prepare("UPDATE event SET reason = 'others' WHERE seq = 2").run()).toThrow('event: it is only ever added to');
  sabotage(file, "UPDATE event SET reason = 'others' WHERE seq = 2");
  expect((await fsck({ store })).filter(({ code }) => /^event/.test(code))).toMatchObject([{ code: 'event_hash', where: 'event 2' }]);
  store.close();
});
