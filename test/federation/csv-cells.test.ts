import { describe, expect, it } from 'vitest';
import { cellOf } from '../../src/admin/csv-cells.js';
import { csvLines } from '../../src/admin/csv-lines.js';
import { separatorOf } from '../../src/edge/csv.js';
import { likelyEncoding } from '../../src/edge/encoding.js';
import { unknownEntityTypes } from '../../src/federation/entity-types.js';

describe('cells as people type them', () => {
  it.each([
    ['intermediate', 'TRUE', true],
    ['intermediate', 'Yes', true],
    ['intermediate', 'x', true],
    ['activate', '1', true],
    ['activate', 'WAHR', true],
    ['activate', 'FALSE', false],
    ['activate', '0', false],
    ['entity_types', 'a,b', ['a', 'b']],
    ['entity_types', 'a; b |c  d', ['a', 'b', 'c', 'd']],
    ['statement_lifetime', '7200', 7200],
    ['statement_lifetime', '12h', 43_200],
    ['statement_lifetime', '30 d', 2_592_000],
    ['valid_until', '1798675200', 1_798_675_200],
    ['valid_until', '2026-12-31', 1_798_675_200],
    ['valid_until', '2026-12-31 01:00', 1_798_678_800],
    ['valid_until', '2026-12-31T02:00:00+0100', 1_798_678_800],
    ['valid_until', '2028-02-29', 1_835_395_200],
  ])('%s %s', (name, text, value) => expect(cellOf(name, text)).toEqual({ value }));

  it.each([
    ['intermediate', 'maybe', 'TRUE or FALSE'],
    ['statement_lifetime', '1,8E+09', '12h, 30d'],
    ['statement_lifetime', '-5', '12h, 30d'],
    ['statement_lifetime', 'NaN', '12h, 30d'],
    ['valid_until', '31/12/2026', '2027-12-31'],
    ['valid_until', '2027-02-29', '2027-12-31'],
    ['valid_until', '2027-13-01', '2027-12-31'],
    ['valid_until', '2027-01-01T25:00Z', '2027-12-31'],
    ['organization', 'a\0b', 'U+0000'],
    ['jwks', '{"a":1,"a":2}', 'a'],
  ])('%s %s is refused', (name, text, says) => expect(cellOf(name, text)).toEqual({ fault: expect.stringContaining(says) }));
});

describe('rows', () => {
  it('the separator is the one that the header has most of, outside of quotation marks', () => {
    expect(separatorOf('a,b,c\n1;2;3;4;5')).toBe(',');
    expect(separatorOf('\r\n"x,y,z";b')).toBe(';');
    expect(separatorOf('a\tb')).toBe('\t');
    expect(separatorOf('entity_id')).toBe(',');
    expect(separatorOf('')).toBe(',');
  });
  it('a row is told by the number a sheet gives it', () => {
    const lines = [...csvLines('\n\nentity_id,pem\n"a\nb",x\n,\n\nc,x,y\n')];
    expect(lines.map(({ line, fault, input, entityId }) => [line, input?.entityId ?? entityId, fault !== undefined])).toEqual([
      [1, undefined, false],
      [2, undefined, false],
      [3, undefined, false],
      [4, 'a\nb', false],
      [5, undefined, false],
      [6, undefined, false],
      [7, 'c', true],
    ]);
    expect([...csvLines('Entity-ID\nx', 40)].map(({ line }) => line)).toEqual([40]);
  });
  it.each([
    ['', 'is empty'],
    ['\n \n', 'is empty'],
    ['pem,jwks\n', 'no column entity_id'],
    ['entity_id,Entity Id\n', 'stands twice'],
    ['entity_id,__proto__\n', 'unknown column'],
    ['entity_id,constructor\n', 'unknown column'],
    ['entity_id\n"x', 'never closed'],
    ['entity_id\nx"y\n"', 'quotation mark'],
    [`entity_id\n${'x'.repeat(400_000)}`, 'a row has more than'],
    [`entity_id\n${'a\n'.repeat(50_001)}`, 'at most 50000 lines'],
    [`entity_id\n${'\r'.repeat(50_001)}`, 'at most 50000 lines'],
    [`entity_id\n${`${','.repeat(1000)}\n`.repeat(501)}`, '500000 cells'],
  ])('%j is refused whole', (text, says) => expect(() => csvLines(text)).toThrow(says));
});

describe('what is not UTF-8 is named', () => {
  const latin = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
  it.each([
    [latin('B\u00fcnk, Caf\u00e9'), 'WINDOWS-1252'],
    [Uint8Array.from(Buffer.from('entity_id,x\u00fc', 'utf16le')), 'UTF-16LE'],
    [Uint8Array.from(Buffer.from('entity_id,x\u00fc', 'utf16le').swap16()), 'UTF-16BE'],
    [Uint8Array.of(0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2), 'no encoding known here'],
    [latin('PK\u0003\u0004'), 'a workbook (.xlsx or .ods) or another zip file'],
  ])('%#', (bytes, name) => expect(likelyEncoding(bytes).name).toBe(name));
});

it('Entity Types that no specification defines are told, with what was likely meant', () => {
  const told = (...types: string[]) => unknownEntityTypes(types).map(({ detail }) => detail);
  expect(told('openid_relying_party', 'oauth_client', 'openid_credential_issuer')).toEqual([]);
  expect(told('OpenID-Relying-Party')[0]).toContain('is openid_relying_party meant?');
  expect(told('oauth_client,oauth_resource')[0]).toContain('are oauth_client and oauth_resource meant?');
  expect(told('Relying', 'Relying')).toHaveLength(1);
});
