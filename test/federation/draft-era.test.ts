import { describe, expect, it } from 'vitest';
import { readDraftEra } from '../../src/federation/entry.js';
import { flipSignature, LEAF, NOW, TA } from '../support/chain.js';
import { testKey } from '../support/keys.js';

const MARK = 'https://marks.example.org/certified';
const constraints = { max_path_length: 1 };

describe('a configuration as earlier drafts had it', async () => {
  const key = await testKey();
  const sound = { iss: LEAF, sub: LEAF, iat: NOW - 10, exp: NOW + 100, jwks: { keys: [key.jwk] }, metadata: { openid_relying_party: {} } };
  const read = async (claims: object, header: object = {}) => readDraftEra(await key.jwt({ ...sound, ...claims }, header), { now: NOW });
  const verdict = async (claims: object, header: object = {}) => {
    const result = await read(claims, header);
    return (result.ok ? result.value.shapes : result.findings).map(({ code, where }) => `${code} ${where}`).join('; ');
  };

  it('with constraints: they are named, and the rest is read as it is', async () => {
    const result = await read({ constraints });
    expect(result).toMatchObject({
      ok: true,
      value: { shapes: [{ code: 'draft_era', where: 'constraints' }], statement: { header: { kid: key.kid }, claims: { ...sound, constraints } } },
    });
    expect(result.ok && result.value.statement.claims).not.toHaveProperty('trust_marks');
  });
  it('with trust marks under id: they are read under trust_mark_type, beside those that have it', async () => {
    const trust_marks = [
      { id: MARK, trust_mark: 'a.b.c' },
      { trust_mark_type: `${MARK}/2`, id: 'of no meaning', trust_mark: 'd.e.f' },
    ];
    const result = await read({ trust_marks });
    expect(result).toMatchObject({
      ok: true,
      value: {
        shapes: [{ code: 'draft_era', where: 'trust_marks' }],
        statement: {
          claims: {
            trust_marks: [
              { trust_mark_type: MARK, trust_mark: 'a.b.c' },
              { trust_mark_type: `${MARK}/2`, trust_mark: 'd.e.f' },
            ],
          },
        },
      },
    });
    expect(result.ok && result.value.statement.claims).not.toHaveProperty('constraints');
  });
  it('with both, both are named; marks of the final standard are none of it', async () => {
    expect(await verdict({ constraints, trust_marks: [{ id: MARK, trust_mark: 'a.b.c' }] })).toBe('draft_era constraints; draft_era trust_marks');
    const final = [{ trust_mark_type: MARK, id: MARK, trust_mark: 'a.b.c' }];
    const result = await read({ constraints, trust_marks: final });
    expect(result).toMatchObject({ ok: true, value: { shapes: [{ where: 'constraints' }], statement: { claims: { trust_marks: final } } } });
    expect(result.ok && result.value.shapes).toHaveLength(1);
  });
  it('without such a shape it is not read, nor is a Subordinate Statement, which may have constraints', async () => {
    expect(await verdict({})).toBe('claim_invalid claims');
    expect(await verdict({ trust_marks: [] })).toBe('claim_invalid claims');
    expect(await verdict({ trust_marks: [{ trust_mark_type: MARK, trust_mark: 'a.b.c' }] })).toBe('claim_invalid claims');
    expect(await verdict({ iss: TA, constraints })).toBe('claim_invalid claims');
  });
  it.each<[string, object, object, string]>([
    ['expired', { exp: NOW }, {}, 'expired exp'],
    ['of another kind', {}, { typ: 'JWT' }, 'typ_wrong header/typ'],
    ['with a claim that is for Subordinate Statements in every draft', { metadata_policy: {} }, {}, 'claim_not_allowed metadata_policy'],
    ['with a chain in its header', {}, { trust_chain: [] }, 'header_not_allowed header/trust_chain'],
    ['with a peer chain in its header', {}, { peer_trust_chain: [] }, 'header_not_allowed header/peer_trust_chain'],
    ['with marks that are no list', { trust_marks: { id: MARK } }, {}, 'claim_invalid trust_marks'],
    ['with a mark that is no object', { trust_marks: [{ id: MARK, trust_mark: 'a.b.c' }, 5] }, {}, 'claim_invalid trust_marks/1'],
    ['with a mark that is null', { trust_marks: [null] }, {}, 'claim_invalid trust_marks/0'],
    ['with a mark that is an empty text', { trust_marks: [''] }, {}, 'claim_invalid trust_marks/0'],
    ['with a mark without a JWT', { trust_marks: [{ id: MARK }] }, {}, 'claim_invalid trust_marks/0'],
    ['with a mark whose id is no text', { trust_marks: [{ id: 5, trust_mark: 'a.b.c' }] }, {}, 'claim_invalid trust_marks/0'],
    ['with a mark whose type is null', { trust_marks: [{ id: MARK, trust_mark_type: null, trust_mark: 'a.b.c' }] }, {}, 'claim_invalid trust_marks/0'],
  ])('%s: everything else is checked as strictly as always', async (_title, claims, header, expected) =>
    expect(await verdict({ constraints, ...claims }, header)).toBe(expected),
  );
  it('its signature is verified, and it is about the entity asked for', async () => {
    const compact = await key.jwt({ ...sound, constraints });
    expect(await readDraftEra(flipSignature(compact), { now: NOW })).toMatchObject({ ok: false, findings: [{ code: 'signature_invalid' }] });
    expect(await readDraftEra(compact, { now: NOW, subject: TA })).toMatchObject({ ok: false, findings: [{ code: 'subject_mismatch' }] });
    expect(await readDraftEra(compact, { now: NOW, subject: LEAF })).toMatchObject({ ok: true });
  });
});
