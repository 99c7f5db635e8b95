import { describe, expect, it } from 'vitest';
import { fetchListing } from '../../src/operations/resolving/read-listing.js';
import type { Outbound } from '../../src/outbound/outbound.js';

const URL = 'https://up.example/list';
const read = async (body: string) => {
  const outbound: Outbound = { get: async ({ url }) => ({ ok: true, value: { url, body } }), post: async () => Promise.reject(new Error('no form is sent')) };
  const result = await fetchListing({ outbound, development: false }, URL);
  return result.ok ? result.value.ids : result.findings.map(({ code, where, clause }) => `${code} ${where} ${clause}`);
};

describe('LI-02 §8.2.2: a listing of somebody else', () => {
  it('identifiers, each once; what is none is passed over', async () => {
    expect(await read('["https://a.example","https://b.example","https://a.example",5,null,"x","https://c.example?d"]')).toEqual([
      'https://a.example',
      'https://b.example',
    ]);
    expect(await read('[]')).toEqual([]);
  });
  it('RFC 8259 §8.1: a byte order mark and white space around it are passed over', async () => {
    expect(await read('\ufeff ["https://a.example"]\r\n')).toEqual(['https://a.example']);
    expect(await read('\ufeff\ufeff[]'), 'one of them').toEqual([expect.stringContaining('json_invalid')]);
  });
  it.each(['{}', '{"error":"server_error"}', '{"immediate_subordinate_entities":[]}', 'null', '"https://a.example"', '5'])(
    'what is no list says nothing about anybody: it is a fault, not an empty list: %s',
    async (body) => expect(await read(body)).toEqual([`json_invalid ${URL} OpenID Federation 1.0 §8.2.2`]),
  );
  it.each(['', '<html>', '["https://a.example"', "['https://a.example']"])('what is no JSON: %j', async (body) =>
    expect(await read(body)).toEqual([expect.stringContaining(`json_invalid ${URL}`)]),
  );
});
