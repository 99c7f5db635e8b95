import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import { fc } from '../support/fuzz.js';
import { describe, expect, it } from 'vitest';
import { type ChainedEvent, eventHash, whyChanged } from '../../src/audit/event-hash.js';

const text = fc.string({ unit: 'grapheme' });
const json = fc.dictionary(text, fc.jsonValue(), { maxKeys: 4 });
const anEvent = fc.record({
  format: fc.constantFrom(1, 2),
  authorityId: text,
  seq: fc.nat(),
  at: fc.nat(),
  type: text,
  subjectKind: text,
  subjectId: text,
  actorId: text,
  actorKind: text,
  reason: fc.option(text),
  reasonCode: fc.option(text),
  detail: json,
  artefacts: fc.array(json, { maxLength: 2 }),
  privateCommitment: fc.option(text),
  prevHash: fc.constant('ab'.repeat(32)),
});

/** As the formats are described (docs/architecture.md), by the library alone. */
function described({ format, prevHash, ...event }: Omit<ChainedEvent, 'hash'>): string {
  const { reason, reasonCode, privateCommitment, ...common } = event;
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const covered =
    format === 1
      ? { ...common, prevHash, reason }
      : Object.fromEntries(Object.entries({ ...common, prevHash, format, reasonCode, privateCommitment }).map(([name, value]) => [snake(name), value]));
  return bytesToHex(sha256(concatBytes(utf8ToBytes(`holdfast-event-v${format}`), hexToBytes(prevHash), utf8ToBytes(String(canonicalize(covered))))));
}

describe('the hash of an event', () => {
  it('is that of the canonical form of all its fields together (RFC 8785)', () => {
    fc.assert(fc.property(anEvent, (event) => eventHash(event) === described(event)));
  });

  it('a value that has no canonical form is hashed as nothing, and a field that is not there is none', () => {
    const [event] = fc.sample(
      anEvent.map((one) => ({ ...one, format: 2 })),
      1,
    );
    if (!event) throw new Error('no sample');
    expect(() => eventHash({ ...event, at: Number.NaN })).toThrow('NaN');
    expect(() => eventHash({ ...event, detail: { x: Number.POSITIVE_INFINITY } })).toThrow('Infinity');
    expect(whyChanged({ ...event, reason: null, at: Number.NaN, hash: '' })).toBe('its content does not have its hash');
    const without = { ...event, actorId: undefined } as unknown as typeof event;
    expect(eventHash(without)).toBe(described(without));
  });
});
