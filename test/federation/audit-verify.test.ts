import { beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../src/audit/checkpoint.js';
import { eventHash, whyChanged } from '../../src/audit/event-hash.js';
import { joinDetail, splitPrivate } from '../../src/audit/private-part.js';
import { NoExport } from '../../src/audit/verify.js';
import type { EventRow, NewRow } from '../../src/store/event.js';
import { auditKeys, checkpointOf, closed, exportOf, history, ISSUER, jwksOf, series, verified } from '../support/audit-export.js';
import { NOW } from '../support/chain.js';
import type { TestKey } from '../support/keys.js';

let key: TestKey;
let other: TestKey;
let rows: readonly NewRow[];
let marks: readonly string[];
beforeAll(async () => {
  [key, other] = (await auditKeys()) as [TestKey, TestKey];
  rows = history(20);
  marks = await series(rows, 5, key);
});

const told = async (lines: readonly string[], options: Parameters<typeof verified>[1] = {}) =>
  (await verified(lines, options)).findings.map(({ code, where }) => `${code} ${where}`);
const seen = (...texts: string[]) => texts.map((text, n) => ({ text, where: `kept ${n}` }));
/** Change the event of a number. */
const edited = (lines: readonly string[], seq: number, edit: (one: { event: Record<string, unknown>; private?: Record<string, unknown> }) => unknown) =>
  closed(
    lines.slice(0, -1).map((text) => {
      const one = JSON.parse(text);
      if (one.event?.seq === seq) edit(one);
      return JSON.stringify(one);
    }),
  );
const without = (lines: readonly string[], gone: (one: { event?: { seq: number }; checkpoint?: string }) => boolean) =>
  closed(lines.slice(0, -1).filter((text) => !gone(JSON.parse(text))));

describe('a sound export', () => {
  it('is whole, with private parts and without, in part, and with what was seen', async () => {
    expect(await verified(exportOf(rows, marks, jwksOf(key)), { keys: jwksOf(key), seen: seen(...marks) })).toMatchObject({
      findings: [],
      events: 20,
      seq: 20,
      head: rows[19]?.row.hash,
      provenTo: 20,
      privateParts: 10,
      // Four in the file, four seen.
      checkpoints: 8,
    });
    expect(await told(exportOf(rows, marks, jwksOf(key), { withPrivate: false }))).toEqual([]);
    const part = rows.slice(7);
    const header = { from: 8, prev_hash: rows[6]?.row.hash };
    expect(await verified(exportOf(part, marks.slice(1), jwksOf(key), { header }))).toMatchObject({ findings: [], events: 13, provenTo: 20 });
    expect(await verified(exportOf(rows, [], jwksOf(key)))).toMatchObject({ findings: [], provenTo: 0 });
  });
  it('says what an earlier key signed in its time, and not after it', async () => {
    const retired = { keys: [{ ...key.jwk, iat: NOW, exp: NOW + 12 }] };
    expect(await told(exportOf(rows, marks, retired))).toEqual(['checkpoint_key line 19', 'checkpoint_key line 25']);
  });
});

describe('each kind of tampering is named', () => {
  const sound = () => exportOf(rows, marks, jwksOf(key));
  it('a flipped byte: which event', async () => {
    expect(await told(edited(sound(), 7, ({ event }) => Object.assign(event, { subject_id: 'mem_7' })))).toEqual(['changed event 7']);
    // Its hash made to fit: the next one does not follow any more.
    const rehashed = edited(sound(), 7, ({ event }) => {
      event['subject_id'] = 'mem_x';
      event['hash'] = eventHash({ ...(rows[6]?.row as EventRow), subjectId: 'mem_x' });
    });
    expect(await told(rehashed)).toEqual(['broken event 8']);
    const flipped = sound().map((text, n) => (n === 3 ? text.replace('{"event":', '{"evenu":') : text));
    expect(await told(flipped)).toEqual(['unreadable line 4', 'closing line 26', 'closing line 26', 'missing event 3']);
  });
  it('a private part that was changed, added or taken away: the event is sound, its words are not', async () => {
    expect(await told(edited(sound(), 7, (one) => Object.assign(one, { private: { ...one.private, payload: '{"reason":"other"}' } })))).toEqual([
      'private_changed event 7',
    ]);
    expect(await told(edited(sound(), 8, (one) => Object.assign(one, { private: { salt: '00'.repeat(32), payload: '{}' } })))).toEqual([
      'private_changed event 8',
    ]);
    expect(await told(edited(sound(), 7, (one) => Object.assign(one, { private: undefined })))).toEqual(['private_missing event 7']);
    const erased = { erased_at: NOW, erased_by: 'api_1', erased_seq: 20 };
    expect(await told(edited(sound(), 7, (one) => Object.assign(one, { private: erased })))).toEqual(['private_missing event 7']);
  });
  it('what a format does not cover: words beside the hash, an unknown format, one format for another', async () => {
    const row = rows[6]?.row as EventRow;
    expect(whyChanged({ ...row, reason: 'x' })).toMatch(/reason/);
    expect(whyChanged({ ...row, format: 3 })).toMatch(/format 3/);
    expect(whyChanged({ ...row, format: 1 })).toMatch(/does not cover/);
    expect(await told(edited(sound(), 7, ({ event }) => Object.assign(event, { reason: 'x' })))).toEqual(['changed event 7']);
  });
  it('a dropped row, and several', async () => {
    expect(await told(without(sound(), ({ event }) => event?.seq === 7))).toEqual(['missing event 7']);
    const { findings } = await verified(without(sound(), ({ event }) => event !== undefined && event.seq > 6 && event.seq < 9));
    expect(findings).toMatchObject([{ code: 'missing', detail: 'events 7 to 8 are not here' }]);
    expect(await told(without(sound(), ({ event }) => event !== undefined && event.seq < 4)), 'from the beginning').toEqual(['missing event 1']);
  });
  it('a reordered row, and one that stands twice', async () => {
    const lines = sound().slice(0, -1);
    const [seven, eight] = [7, 8].map((seq) => lines.findIndex((text) => JSON.parse(text).event?.seq === seq)) as [number, number];
    const swapped = [...lines];
    [swapped[seven], swapped[eight]] = [lines[eight] as string, lines[seven] as string];
    expect(await told(closed(swapped))).toEqual(['order event 7']);
    expect(await told(closed([...lines.slice(0, eight), lines[seven] as string, ...lines.slice(eight)]))).toEqual(['order event 7']);
  });
  it('a truncated tail, by the checkpoints in the file and by one that was kept', async () => {
    const short = (lines: readonly string[]) => without(lines, ({ event }) => event !== undefined && event.seq > 12);
    expect(await told(short(sound()))).toEqual(['truncated event 15', 'truncated event 20']);
    const clean = exportOf(rows.slice(0, 12), marks.slice(0, 2), jwksOf(key));
    expect(await told(clean), 'nobody can tell').toEqual([]);
    expect(await told(clean, { seen: seen(marks[3] as string) })).toEqual(['truncated event 20']);
  });
  it('a rewritten tail, every hash made anew', async () => {
    const forged = [...rows.slice(0, 12), ...history(20, 'aut_x', 'nothing').slice(12)];
    // Chained anew behind event 12.
    let hash = rows[11]?.row.hash as string;
    const chained = forged.map(({ row, sealed }, n) => {
      if (n < 12) return { row, sealed };
      const fresh = { ...row, subjectId: 'mem_other', prevHash: hash };
      hash = eventHash(fresh);
      return { row: { ...fresh, hash }, sealed };
    });
    expect(await told(exportOf(chained, marks, jwksOf(key)))).toEqual(['rewritten event 15', 'rewritten event 20']);
    const unmarked = exportOf(chained, marks.slice(0, 2), jwksOf(key));
    expect(await told(unmarked), 'nobody can tell').toEqual([]);
    const [, , third] = marks as readonly string[];
    expect(await told(unmarked, { seen: seen(third as string) })).toEqual(['rewritten event 15', 'checkpoint_missing event 15']);
  });
  it('a file that was cut short, went on behind its end, or has another digest', async () => {
    expect(await told(sound().slice(0, -1))).toEqual(['closing line 25']);
    expect(await told([...sound(), '{}'])).toEqual(['closing line 27']);
    const end = JSON.parse(sound().at(-1) as string).end;
    const lies = (more: object) => told([...sound().slice(0, -1), JSON.stringify({ end: { ...end, ...more } })]);
    for (const more of [{ sha256: '00'.repeat(32) }, { seq: 19 }, { events: 19 }, { head: '00'.repeat(32) }])
      expect(await lies(more)).toEqual(['closing line 26']);
    for (const lines of [[], [''], ['{}'], ['[1]'], [sound()[1] as string]]) await expect(verified(lines)).rejects.toThrow(NoExport);
  });
});

describe('hostile checkpoints and headers', () => {
  it('of another authority, by another key, with its key but changed: each proves nothing and is named', async () => {
    const sound = exportOf(rows, marks, jwksOf(key));
    const foreign = await checkpointOf(rows, 20, key, { iss: 'https://else.example.org' });
    const byOther = await checkpointOf(rows, 20, other);
    const [head, , signature] = (marks[3] as string).split('.');
    const changed = `${head}.${(marks[2] as string).split('.')[1]}.${signature}`;
    for (const [text, code] of [
      [foreign, 'checkpoint_foreign'],
      [byOther, 'checkpoint_key'],
      [changed, 'checkpoint_key'],
      ['x', 'checkpoint_unreadable'],
      [`${head}.e30.${signature}`, 'checkpoint_unreadable'],
    ] as const)
      expect(await told(sound, { seen: seen(text) }), code).toEqual([`${code} kept 0`]);
    expect(await told(exportOf(rows, [byOther], jwksOf(key)))).toEqual(['checkpoint_key line 22']);
    // The file brings its own key: only the keys from outside tell.
    const own = exportOf(rows, [byOther], jwksOf(other));
    expect([await told(own), await told(own, { keys: jwksOf(key) })]).toEqual([[], ['checkpoint_key line 22']]);
  });
  it('a series that is older than one that was seen', async () => {
    const sound = exportOf(rows, marks.slice(0, 3), jwksOf(key));
    expect(await told(sound, { seen: seen(marks[3] as string) })).toEqual(['checkpoint_missing event 20']);
  });
  it('two checkpoints about one event with two heads are a fork, wherever they stand; so are two histories with none in common', async () => {
    const twin = history(20, 'aut_x', 'another');
    const theirs = await checkpointOf(twin, 20, key, { iat: NOW + 20, prev: digestOf(marks[2] as string) });
    const sound = exportOf(rows, marks, jwksOf(key));
    expect(await told(sound, { seen: seen(theirs) })).toEqual(['rewritten event 20', 'fork event 20', 'checkpoint_missing event 20']);
    expect(await told(exportOf(rows, [...marks, theirs], jwksOf(key)))).toEqual(expect.arrayContaining(['fork event 20', 'rewritten event 20']));
    expect(await told(sound, { seen: seen(theirs, marks[3] as string) })).toContain('fork event 20');
    const earlier = await checkpointOf(twin, 17, key, { iat: NOW + 17 });
    const { findings } = await verified(sound, { seen: seen(earlier) });
    expect(findings.map(({ code }) => code)).toContain('fork');
    expect(findings.find(({ code }) => code === 'fork')?.detail).toContain(ISSUER);
  });
  it('a series from which one was taken out', async () => {
    expect(await told(exportOf(rows, [marks[0], marks[2], marks[3]] as string[], jwksOf(key)))).toEqual(['checkpoint_order line 18']);
    expect(await told(exportOf(rows, marks.slice(1), jwksOf(key))), 'the first').toEqual(['checkpoint_order line 12']);
  });
  it('a header that lies: whose it is, where it begins and ends, what was before, which keys', async () => {
    const lies = (header: object) => told(exportOf(rows, marks, jwksOf(key), { header }));
    expect(new Set(await lies({ entity_id: 'https://else.example.org' }))).toContain('checkpoint_foreign line 7');
    expect((await lies({ chain: 'aut_y' })).slice(0, 1)).toEqual(['foreign_event event 1']);
    expect(await lies({ from: 3, prev_hash: rows[1]?.row.hash })).toContain('order event 1');
    expect(await lies({ to: 25 })).toEqual(['header header']);
    expect(await lies({ prev_hash: '11'.repeat(32) })).toEqual(['header header', 'broken event 1']);
    expect(await lies({ audit_jwks: {} })).toEqual(['checkpoint_key line 7', 'checkpoint_key line 13', 'checkpoint_key line 19', 'checkpoint_key line 25']);
    expect(await lies({ audit_jwks: { [ISSUER]: { keys: [{ kid: key.jwk.kid, kty: 'oct', k: 'AA' }] } } })).toHaveLength(4);
  });
  it('a line written anew so that others read it otherwise: a member beside those that are proven, twice, of another name, a number in other words', async () => {
    const lines = exportOf(rows, marks, jwksOf(key)).slice(0, -1);
    const at = lines.findIndex((text) => JSON.parse(text).event?.seq === 7);
    const line = lines[at] as string;
    const anew = (edit: (text: string) => string) => told(closed([...lines.slice(0, at), edit(line), ...lines.slice(at + 1)]));
    const entity = '"detail":{"entity_id":"https://6.example.org"';
    expect(line).toContain(entity);
    for (const edit of [
      (text: string) => text.replace('"event":{', '"event":{"approved_by":["ann","bob"],'),
      (text: string) => text.replace('"salt"', '"note":"x","salt"'),
      (text: string) => text.replace('"seq":7', '"seq":1,"seq":7'),
      (text: string) => text.replace(entity, `"detail":{"entity_id":"https://other.example","entity_id":"https://6.example.org"`),
      (text: string) => text.replace(entity, `${entity},"__proto__":{"waived":[]}`),
      (text: string) => text.replace(/"at":(\d+)/, '"at":$1.0'),
      (text: string) => text.replace(/"at":(\d+)/, '"at":$1.00000000000000000001'),
      (text: string) => text.replace('https://6', 'https:\\/\\/6'),
    ]) {
      expect(edit(line)).not.toBe(line);
      expect(await anew(edit), edit(line).slice(0, 200)).toEqual(['ambiguous event 7']);
    }
    // Words of another salt and another cut between the two: the salt has its length.
    const { private: part } = JSON.parse(line);
    const moved = { salt: part.salt.slice(0, 62), payload: part.payload };
    expect(await anew((text) => text.replace(JSON.stringify(part), JSON.stringify(moved)))).toContain('missing event 7');
    expect(await told(closed([(lines[0] as string).replace('"from":1', '"from":2,"from":1'), ...lines.slice(1)]))).toEqual(['ambiguous header']);
  });
  it('a file that says it was made before its checkpoints; one that was asked to end before a checkpoint says so and proves nothing about it', async () => {
    expect(await told(exportOf(rows, marks, jwksOf(key), { header: { made_at: NOW + 12 } }))).toEqual(['header line 19', 'header line 25']);
    const short = exportOf(rows.slice(0, 10), marks.slice(0, 2), jwksOf(key), { header: { to: 10 } });
    expect(await verified(short, { seen: seen(...marks) })).toMatchObject({ findings: [], provenTo: 10, beyond: 2 });
  });
  it('findings without end are counted, not kept', async () => {
    const many = history(1500).map(({ row, sealed }) => ({ row: { ...row, type: 'x.y' }, sealed }));
    const { findings, findingsLeftOut } = await verified(exportOf(many, [], jwksOf(key)));
    expect([findings.length, findingsLeftOut]).toEqual([1000, 500]);
  });
});

describe('what is private', () => {
  it('words and names go out of detail at any depth and come back as they were; what the chain has to prove stays', () => {
    const detail = {
      entity_id: 'https://x.example.org',
      legal_name: 'Bank A',
      domain_control: { method: 'operator', reason: 'their lawyer called', at: 1 },
      contacts: [{ name: 'Ann' }],
      list: [{ name: 'Bob', kid: 'k' }, 'x'],
      'a/b~c': { note: 'x' },
      name: null,
    };
    const { detail: kept, part } = splitPrivate('member.enrolled', 'because', detail);
    expect(kept).toEqual({
      entity_id: 'https://x.example.org',
      domain_control: { method: 'operator', at: 1 },
      list: [{ kid: 'k' }, 'x'],
      'a/b~c': {},
      name: null,
    });
    expect(part?.reason).toBe('because');
    expect(JSON.stringify(kept)).not.toMatch(/Bank|Ann|Bob|lawyer/);
    expect({ ...joinDetail(kept, part?.detail), list: null }).toEqual({ ...detail, list: null });
    expect(splitPrivate('x.y', undefined, { n: 1 }).part).toBeUndefined();
    expect(splitPrivate('organization.renamed', undefined, { was: 'Old' }).detail).toEqual({});
    expect(splitPrivate('member.enrolled', undefined, { was: 'revoked' }).detail).toEqual({ was: 'revoked' });
    expect(joinDetail({}, { '/__proto__/x': 1, '/a/b': 2 })).toEqual({});
  });
});
