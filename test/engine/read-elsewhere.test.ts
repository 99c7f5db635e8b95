import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { createApiKey, revokeApiKey } from '../../src/operations/access/api-keys.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { haltAuthority } from '../../src/operations/authorities/halt-authority.js';
import { resumeAuthority } from '../../src/operations/authorities/resume-authority.js';
import { retireAuthority } from '../../src/operations/authorities/retire-authority.js';
import { backgroundTurn } from '../../src/operations/background.js';
import type { Call } from '../../src/operations/call.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { enrollMember } from '../../src/operations/members/enroll-member.js';
import { importSlice } from '../../src/operations/members/import-members.js';
import { startImport } from '../../src/operations/members/import-job.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { restoreWaiting } from '../../src/operations/members/restore-members.js';
import { fsck } from '../../src/operations/fsck.js';
import { afterDeciding, outcomeOf } from '../support/interleaving.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const TWO = 'https://two.example.org';
const A = '/authorities/main';
const of = encodeURIComponent;

/** An anchor, and an authority of the same deployment that is no member of it yet; `row` is what it is enrolled with. */
async function two() {
  const d = await testDeployment();
  await createAuthority(d.call, { slug: 'two', entityId: TWO, authorityHints: [ANCHOR] });
  const { items } = (await d.admin('GET', '/authorities/two/keys')).json as { items: { jwk: object; kid: string }[] };
  const row = { entityId: TWO, jwks: { keys: items.map(({ jwk }) => jwk) }, entityTypes: ['federation_entity'], intermediate: true };
  return Object.assign(d, { row, kid: items[0]?.kid as string });
}
type Two = Awaited<ReturnType<typeof two>>;
const stateOf = async (d: TestDeployment) => (await d.rows(`SELECT state FROM member WHERE entity_id = '${TWO}'`))[0]?.['state'] ?? 'none';
const statement = async (d: TestDeployment) => (await d.public(`/fetch?sub=${of(TWO)}`)).status;

/** Every way for its row to become active, with what comes before. */
const WAYS: Record<string, { readonly before: (d: Two) => Promise<unknown>; readonly enter: (call: Call<unknown>, d: Two) => Promise<unknown> }> = {
  activate: {
    async before(d) {
      await enrollMember(d.call, 'main', d.row);
      await moveMember(d.call, 'main', TWO, 'approve');
    },
    enter: (call) => moveMember(call, 'main', TWO, 'activate'),
  },
  resume: {
    async before(d) {
      await enrollMember(d.call, 'main', { ...d.row, activate: true });
      await moveMember(d.call, 'main', TWO, 'suspend', { reason: 'a look' });
    },
    enter: (call) => moveMember(call, 'main', TWO, 'resume'),
  },
  enrol: { before: async () => undefined, enter: (call, d) => enrollMember(call, 'main', { ...d.row, activate: true }) },
  'come back with its resume': {
    async before(d) {
      await enrollMember(d.call, 'main', { ...d.row, activate: true });
      await haltAuthority(d.call, 'two', 'first');
      // Resumed by a process that ended before it had restored anybody.
      await d.execute("UPDATE authority SET state = 'active' WHERE slug = 'two'");
    },
    enter: (call) => restoreWaiting(call, () => true),
  },
};

describe('a decision about what stands in another chain', () => {
  describe.each(Object.entries(WAYS))('an authority of ours whose row elsewhere becomes active (%s)', (_name, way) => {
    it.each([
      ['halted', haltAuthority],
      ['retired', retireAuthority],
    ] as const)('is never active while it is %s, whichever was decided first', async (_state, stop) => {
      const first = await two();
      await way.before(first);
      await outcomeOf(
        way.enter(
          afterDeciding(first.call, () => stop(first.call, 'two', 'fraud')),
          first,
        ),
      );
      expect(await stateOf(first), 'the stop was committed while the other was deciding').not.toBe('active');
      expect(await statement(first)).toBe(404);
      expect(await fsck(first.deployment)).toEqual([]);

      const second = await two();
      await way.before(second);
      await stop(
        afterDeciding(second.call, () => way.enter(second.call, second)),
        'two',
        'fraud',
      );
      expect(await stateOf(second), 'it became active while the stop was deciding').toBe('suspended');
      expect(await statement(second)).toBe(404);
      expect(await fsck(second.deployment)).toEqual([]);
    });
  });

  it('is asked also where the first event of the chain is lost', async () => {
    const d = await two();
    const { id, jwks } = await testMember('https://other.example.com');
    await enrollMember(d.call, 'main', { entityId: id, jwks });
    await d.execute("DELETE FROM event WHERE seq = 1 AND authority_id = (SELECT id FROM authority WHERE slug = 'main')");
    await outcomeOf(
      enrollMember(
        afterDeciding(d.call, () => haltAuthority(d.call, 'two', 'fraud')),
        'main',
        { ...d.row, activate: true },
      ),
    );
    expect([await stateOf(d), await statement(d)]).toEqual(['none', 404]);
  });

  it('of an import it is the line that is refused', async () => {
    const d = await two();
    const other = await testMember('https://other.example.com');
    const { id } = await startImport(d.call, 'main', { dryRun: false });
    const lines = [
      { line: 1, input: { ...d.row, activate: true } },
      { line: 2, input: { entityId: other.id, jwks: other.jwks, activate: true } },
    ];
    const done = await importSlice(
      afterDeciding(d.call, () => haltAuthority(d.call, 'two', 'fraud')),
      'main',
      id,
      lines,
    );
    expect(done).toMatchObject({ done: 2, refused: 1 });
    expect(await stateOf(d)).toBe('none');
    expect((await d.public(`/fetch?sub=${of(other.id)}`)).status).toBe(200);
  });

  it('a row that waits for its authority goes on waiting when that is halted again meanwhile', async () => {
    const d = await two();
    await WAYS['come back with its resume']?.before(d);
    await restoreWaiting(
      afterDeciding(d.call, () => haltAuthority(d.call, 'two', 'third')),
      () => true,
    );
    expect(await d.rows(`SELECT state, suspended_with IS NOT NULL AS waits FROM member WHERE entity_id = '${TWO}'`)).toEqual([
      { state: 'suspended', waits: 1 },
    ]);
    await resumeAuthority(d.call, 'two', 'mended');
    expect(await stateOf(d)).toBe('active');
  });

  it('under an API key that ends while it is decided nothing is written; the end of the key itself is', async () => {
    const d = await testDeployment();
    const member = await testMember('https://a.example.com');
    const { row } = await createApiKey(d.call, { name: 'op', role: 'owner', authorities: null });
    const call: Call<unknown> = { ...d.call, actor: { id: row.id, kind: 'api_key' }, role: 'owner', authorities: null };
    const asked = enrollMember(
      afterDeciding(call, () => revokeApiKey(d.call, row.id)),
      'main',
      { entityId: member.id, jwks: member.jwks, activate: true },
    );
    expect(await outcomeOf(asked)).toBe('permission_denied');
    expect(await d.rows('SELECT 1 FROM member')).toEqual([]);
    const own = await createApiKey(d.call, { name: 'own', role: 'owner', authorities: null });
    await revokeApiKey({ ...call, actor: { id: own.row.id, kind: 'api_key' } }, own.row.id);
    expect((await d.rows(`SELECT revoked_at FROM api_key WHERE id = '${own.row.id}'`))[0]?.['revoked_at']).toBe(NOW);
  });

  it('one identifier is hosted under one authority, when two assign it at once to entities with other keys', async () => {
    const d = await two();
    const id = 'https://leaf.example.com';
    const [here, there] = [await testMember(id), await testMember(id)];
    const as = async (one: typeof here, hint: string) => ({
      entityId: id,
      jwks: one.jwks,
      entityTypes: ['openid_relying_party'],
      activate: true,
      hostedConfiguration: await one.configuration({ authority_hints: [hint] }),
      shownBy: { method: 'operator' as const, reason: 'known' },
    });
    const second = await as(there, TWO);
    const first = enrollMember(
      afterDeciding(d.call, () => enrollMember(d.call, 'two', second)),
      'main',
      await as(here, ANCHOR),
    );
    expect(await outcomeOf(first)).toBe('already_exists');
    expect(await d.rows(`SELECT 1 FROM member WHERE entity_id = '${id}'`)).toHaveLength(1);
  });

  it('a key that is called compromised is bound to nobody, also to whom it was bound meanwhile', async () => {
    const d = await two();
    const carrying = { entityId: 'https://copy.example.com', jwks: d.row.jwks, entityTypes: ['openid_relying_party'], activate: true };
    await revokeKey(
      afterDeciding(d.call, () => enrollMember(d.call, 'main', carrying)),
      'two',
      d.kid,
      'compromised',
    );
    expect(await d.rows('SELECT 1 FROM member_key')).toEqual([]);
    expect(await d.rows("SELECT state FROM member WHERE entity_id = 'https://copy.example.com'")).toEqual([{ state: 'suspended' }]);
  });
});

describe('a retired authority whose key is called compromised', () => {
  /** Its keys, oldest first; the last one signs. */
  async function retired(rotated: boolean) {
    const d = await two();
    const kids = [d.kid];
    if (rotated) {
      const { kid } = (await d.admin('POST', '/authorities/two/keys', {})).json as { kid: string };
      expect((await d.admin('POST', `/authorities/two/keys/${kid}/activate`, { force: true, reason: 'test' })).status).toBe(200);
      kids.push(kid);
    }
    await retireAuthority(d.call, 'two', 'the end');
    return Object.assign(d, { kids });
  }
  const served = (d: TestDeployment) => d.public(`${TWO}/historical-keys`);
  const told = (d: TestDeployment) => d.rows("SELECT type, reason_code AS reason FROM event WHERE type = 'key.revoked'");

  it('§8.7.3: its historical keys say so, signed by a key that is not', async () => {
    const d = await retired(true);
    const [older, last] = d.kids as [string, string];
    expect(decodeProtectedHeader((await served(d)).text).kid).toBe(last);
    await revokeKey(d.call, 'two', last, 'compromised');
    const now = await served(d);
    expect(now.status).toBe(200);
    expect(decodeProtectedHeader(now.text).kid).toBe(older);
    expect(decodeJwt(now.text)['keys']).toContainEqual(expect.objectContaining({ kid: last, revoked: expect.objectContaining({ reason: 'compromised' }) }));
    expect(await told(d)).toEqual([{ type: 'key.revoked', reason: 'compromised' }]);
    expect(await d.rows("SELECT 1 FROM job WHERE state = 'running'")).toEqual([]);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('with no other key it says definitely that there are none, and the revocation is told', async () => {
    const d = await retired(false);
    await revokeKey(d.call, 'two', d.kid, 'compromised');
    const now = await served(d);
    expect(now.status, 'not 503: it will never be signed').toBe(404);
    expect(now.json).toMatchObject({ error: 'not_found', error_description: expect.stringContaining('none of its keys') });
    expect(await told(d)).toEqual([{ type: 'key.revoked', reason: 'compromised' }]);
    await backgroundTurn(d.deployment, { more: () => true });
    expect((await served(d)).status).toBe(404);
  });

  it('while the custody is away they are withheld, and signed as soon as it is back', async () => {
    const d = await retired(true);
    const away = { ...d.call, custody: { ...d.call.custody, signer: () => Promise.reject(new Error('away')) } };
    await revokeKey(away, 'two', d.kids[1] as string, 'compromised');
    expect((await served(d)).status).toBe(503);
    await backgroundTurn(d.deployment, { more: () => true });
    const now = await served(d);
    expect([now.status, decodeProtectedHeader(now.text).kid]).toEqual([200, d.kids[0]]);
    await backgroundTurn(d.deployment, { more: () => true });
    expect((await served(d)).text, 'once').toBe(now.text);
  });
});

describe('a member that comes back while the issuer of its mark is stopped', () => {
  const type = 'https://two.example.org/marks/certified';
  const id = 'https://a.example.com';
  /** A member of the anchor with a mark of the other authority, which stops; then the member is suspended and resumed. */
  async function marked(stop: typeof haltAuthority) {
    const d = await two();
    const { jwks } = await testMember(id);
    await enrollMember(d.call, 'main', { entityId: id, jwks, activate: true });
    await d.admin('POST', '/authorities/two/mark-types', { trust_mark_type: type });
    expect((await d.admin('POST', '/authorities/two/marks', { trust_mark_type: type, member: id, member_of: 'main' })).status).toBe(201);
    await stop(d.call, 'two', 'x');
    await moveMember(d.call, 'main', id, 'suspend', { reason: 'a look' });
    const events = () => d.rows("SELECT count(*) AS n FROM event JOIN authority AS a ON a.id = authority_id AND a.slug = 'two'");
    const before = await events();
    expect((await d.admin('POST', `${A}/members/${of(id)}/resume`)).status).toBe(200);
    if (stop === retireAuthority) expect(await events(), 'a retired issuer is told nothing').toEqual(before);
    expect(await live(d)).toEqual([]);
    return d;
  }
  const live = (d: TestDeployment) => d.rows('SELECT entity_id FROM trust_mark WHERE revoked_at IS NULL');
  const mark = (d: TestDeployment) => d.public(`${TWO}/trust-mark?trust_mark_type=${of(type)}&sub=${of(id)}`);

  it('bears it again when that comes back, once', async () => {
    const d = await marked(haltAuthority);
    await resumeAuthority(d.call, 'two', 'mended');
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await live(d)).toEqual([{ entity_id: id }]);
    expect((await mark(d)).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
    await haltAuthority(d.call, 'two', 'again');
    await resumeAuthority(d.call, 'two', 'mended');
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await live(d)).toEqual([{ entity_id: id }]);
  });

  it('does not when it is suspended before that', async () => {
    const d = await marked(haltAuthority);
    await resumeAuthority(d.call, 'two', 'mended');
    await moveMember(d.call, 'main', id, 'suspend', { reason: 'fraud' });
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await live(d)).toEqual([]);
    expect((await mark(d)).status).toBe(404);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('has lost it with an issuer that is retired', async () => {
    const d = await marked(retireAuthority);
    expect((await mark(d)).status).toBe(404);
  });
});
