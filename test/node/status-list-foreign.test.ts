import { StatusList, type StatusListJWTPayload } from '@sd-jwt/jwt-status-list';
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose';
import { describe, expect, it } from 'vitest';
import { compressStatuses, packStatuses, statusReference } from '../../src/federation/entry.js';
import { statusAt, unpackStatuses } from '../../src/federation/status-list.js';
import { ANCHOR, NOW, testDeployment, testMember } from '../support/deployment.js';

/** Read with nothing of ours: jose for the signature, @sd-jwt/jwt-status-list for the list. */
async function foreignRead(token: string, jwks: JSONWebKeySet): Promise<StatusList> {
  const { payload } = await jwtVerify<StatusListJWTPayload>(token, createLocalJWKSet(jwks), { currentDate: new Date(NOW * 1000), typ: 'statuslist+jwt' });
  return StatusList.decompressStatusList(payload.status_list.lst, payload.status_list.bits);
}

describe('what others read in our lists, and we in theirs (Token Status List)', () => {
  it('of members in force, suspended, revoked', async () => {
    const d = await testDeployment();
    const ids = ['one', 'two', 'three'].map((name) => `https://${name}.example.com`);
    const places: number[] = [];
    for (const id of ids) {
      const { jwks } = await testMember(id);
      await d.admin('POST', '/authorities/main/members', { entity_id: id, jwks, activate: true });
      const reference = statusReference(decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(id)}`)).text)['status']);
      expect(reference?.uri).toBe(`${ANCHOR}/status-lists/0`);
      places.push(reference?.idx ?? -1);
    }
    await d.admin('POST', `/authorities/main/members/${encodeURIComponent(ids[1] ?? '')}/suspend`, { reason: 'x' });
    await d.admin('POST', `/authorities/main/members/${encodeURIComponent(ids[2] ?? '')}/revoke`, { reason: 'x' });
    const jwks = decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as JSONWebKeySet;
    const read = await foreignRead((await d.public('/status-lists/0')).text, jwks);
    expect(places.map((idx) => read.getStatus(idx))).toEqual([0, 2, 1]);
  });

  it('every value at every width, both ways', async () => {
    for (const bits of [1, 2, 4, 8] as const) {
      const values = Array.from({ length: 1000 }, (_, n) => (n * 7) % 2 ** bits);
      const ours = await compressStatuses(packStatuses(1000, bits, values.entries()));
      const theirs = new StatusList(values, bits).compressStatusList();
      const read = StatusList.decompressStatusList(ours.lst, bits);
      expect(values.map((_, n) => read.getStatus(n))).toEqual(values);
      const unpacked = await unpackStatuses({ bits, lst: theirs });
      expect(values.map((_, n) => ('code' in unpacked ? unpacked : statusAt(unpacked, n)))).toEqual(values);
    }
  });

  it('a list that is nearly full is followed by another one, which is served beside it', async () => {
    const d = await testDeployment();
    const enrol = async (id: string) => {
      const { jwks } = await testMember(id);
      const { status, text } = await d.admin('POST', '/authorities/main/members', { entity_id: id, jwks, activate: true });
      expect(status, text).toBe(201);
      return statusReference(decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(id)}`)).text)['status']);
    };
    const first = await enrol('https://one.example.com');
    await d.execute(
      `INSERT INTO status_entry SELECT e.authority_id, 0, n.i, 'software_statement', 's' || n.i, e.member_id, 1, NULL, NULL FROM (SELECT * FROM status_entry LIMIT 1) AS e
       JOIN (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) SELECT i FROM n) AS n ON true WHERE n.i <> ${first?.idx}`,
    );
    expect((await enrol('https://two.example.com'))?.uri).toBe(`${ANCHOR}/status-lists/1`);
    const { status, text } = await d.public('/status-lists/1');
    expect([status, decodeJwt(text)['sub']]).toEqual([200, `${ANCHOR}/status-lists/1`]);
    await d.admin('POST', `/authorities/main/members/${encodeURIComponent('https://one.example.com')}/suspend`, { reason: 'x' });
    const jwks = decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as JSONWebKeySet;
    const read = await foreignRead((await d.public('/status-lists/0')).text, jwks);
    expect([0, 1, first?.idx ?? 0].map((idx) => read.getStatus(idx))).toEqual([2, 2, 2]);
  });
});
