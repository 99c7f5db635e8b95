import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { platform } from '#test-platform';
import { makeDue } from '../../src/operations/artefacts/make-due.js';
import { renewSlice } from '../../src/operations/artefacts/renew.js';
import { changeAuthority } from '../../src/operations/authorities/authorities.js';
import { haltAuthority } from '../../src/operations/authorities/halt-authority.js';
import { resumeAuthority } from '../../src/operations/authorities/resume-authority.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { activateKey } from '../../src/operations/keys/activate-key.js';
import { createKey } from '../../src/operations/keys/create-key.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { ANCHOR } from '../support/deployment.js';
import { all, federation, type Federation, lotsOf, notes, TYPE } from '../support/due-slices.js';

const IDS = ['https://a.example.com', 'https://b.example.com', 'https://c.example.com'];
const SECOND = 'https://second.example.org';
const of = encodeURIComponent;

/** The same numbers for the same seed. */
function dice(seed: number) {
  let state = seed * 2654435761 + 1;
  const next = () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) | 0;
    return (state >>> 8) / 2 ** 24;
  };
  return <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T;
}

async function world(most: number) {
  const f = await federation(most);
  const { d } = f;
  await d.admin('POST', '/authorities', { slug: 'second', entity_id: SECOND, organization_name: 'second' });
  await d.admin('POST', '/authorities/second/anchors', { entity_id: ANCHOR });
  for (const id of IDS) {
    const jwks = JSON.parse(String((await d.rows(`SELECT jwks FROM member WHERE entity_id = '${id}'`))[0]?.['jwks']));
    await d.admin('POST', '/authorities/second/members', { entity_id: id, jwks, activate: true });
  }
  await d.admin('PATCH', '/authorities/main', { claims: { trust_mark_issuers: { [TYPE]: [ANCHOR] } } });
  await f.settle();
  const quiet = { ...f.call, afterCommit: async () => undefined };
  const active = async () =>
    (await d.rows("SELECT kid FROM authority_key AS k WHERE state = 'active' AND authority_id = (SELECT id FROM authority WHERE slug = 'main')"))[0]?.['kid'];
  const state = async () => (await d.rows("SELECT state FROM authority WHERE slug = 'main'"))[0]?.['state'];
  const gone: unknown[] = [];
  let back = 0;
  const changed = async (change: Parameters<typeof changeAuthority>[2]) => {
    if ((await state()) === 'active') await changeAuthority(quiet, 'main', change);
  };
  const acts: Record<string, () => Promise<unknown>> = {
    compromised: async () => {
      const kid = String(await active());
      gone.push(kid);
      await revokeKey(quiet, 'main', kid, 'compromised');
    },
    superseded: async () => {
      const kid = String(await active());
      gone.push(kid);
      await revokeKey(quiet, 'main', kid, 'superseded');
    },
    'former key': async () => {
      const [kid] = (await d.rows("SELECT kid FROM authority_key WHERE state = 'retiring' ORDER BY created_at")).map(({ kid }) => String(kid));
      if (kid === undefined) return;
      gone.push(kid);
      await revokeKey(quiet, 'main', kid, 'compromised');
    },
    'another key': async () => {
      if ((await state()) !== 'active') return;
      const { kid } = await createKey(quiet, 'main', {});
      await activateKey(quiet, 'main', kid, { force: true, reason: 'rehearsed' });
    },
    halt: async () => {
      if ((await state()) === 'active') await haltAuthority(quiet, 'main', 'ceremony');
    },
    resume: async () => {
      if ((await state()) !== 'halted') return;
      await resumeAuthority(quiet, 'main', 'over');
      back = Number((await d.rows("SELECT not_before FROM authority WHERE slug = 'main'"))[0]?.['not_before']);
    },
    'less recognized': () => changed({ claims: {} }),
    'more recognized': () => changed({ claims: { trust_mark_issuers: { [TYPE]: [ANCHOR] } } }),
    lifetime: () => changed({ statementLifetime: 80_000 + (d.clock % 1000) }),
  };
  /** What is served that is of before. */
  const stale = async () => {
    const found: string[] = [];
    const look = (what: string, jwt: string, mark = false) => {
      const { kid } = decodeProtectedHeader(jwt);
      if (gone.includes(kid)) found.push(`${what} by ${kid}`);
      if (!mark && Number(decodeJwt(jwt).iat) < back && decodeJwt(jwt).iss === ANCHOR) found.push(`${what} of before`);
    };
    const one = async (what: string, path: string, mark = false, init?: RequestInit) => {
      const { status, text } = await d.public(path, init);
      if (status !== 200) return;
      look(what, text, mark);
      if (what.startsWith('resolve'))
        for (const part of decodeJwt(text)['trust_chain'] as string[]) if (decodeJwt(part).iss === ANCHOR) look(`${what}: chain`, part);
      if (what.startsWith('resolve'))
        for (const { trust_mark } of (decodeJwt(text)['trust_marks'] as { trust_mark: string }[] | undefined) ?? []) look(`${what}: mark`, trust_mark, true);
    };
    for (const id of IDS) {
      await one(`fetch ${id}`, `/fetch?sub=${of(id)}`);
      await one(`resolve ${id}`, `/resolve?sub=${of(id)}&trust_anchor=${of(ANCHOR)}`);
      await one(`resolve second ${id}`, `${SECOND}/resolve?sub=${of(id)}&trust_anchor=${of(ANCHOR)}`);
      await one(`events ${id}`, `/subordinate-events?sub=${of(id)}`);
    }
    await one('mark', `/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(IDS[0] as string)}`, true);
    await one('configuration', '/.well-known/openid-federation');
    await one('historical', '/historical-keys');
    const extended = await d.public('/extended-list?claims=subordinate_statement');
    for (const { subordinate_statement: one } of extended.json?.immediate_subordinate_entities ?? []) if (typeof one === 'string') look('extended', one);
    return found;
  };
  const second = async () => Promise.all(IDS.map(async (id) => (await d.public(`${SECOND}/resolve?sub=${of(id)}&trust_anchor=${of(ANCHOR)}`)).status));
  const seen = async () => {
    const { head, ...rest } = await f.seen();
    return { ...rest, second: await second() };
  };
  return { ...f, acts, stale, seenAll: seen, state };
}

/** Parts of a turn, in the middle of which nothing of before may come out. */
const PARTS: Readonly<Record<string, (f: Federation) => Promise<unknown>>> = {
  'one row': ({ deployment }) => makeDue(deployment, lotsOf(1)),
  'some rows': ({ deployment }) => makeDue(deployment, lotsOf(7)),
  'signed some': ({ deployment }) => renewSlice(deployment, 2).catch(() => 0),
  evaluated: ({ deployment }) => discoveryTurn(deployment, all),
  turn: ({ deployment }) => backgroundTurn(deployment, all),
};

const setting = (name: string): string | undefined => (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env?.[name];
/** HOLDFAST_SLICE_SEEDS: how many. */
const SEEDS = Number(setting('HOLDFAST_SLICE_SEEDS') ?? { node: 2, postgres: 1, workers: 1 }[platform]);

describe('the same acts, written at once and in slices', () => {
  it.each(Array.from({ length: SEEDS }, (_, n) => n + 1))('seed %i', async (seed) => {
    const roll = dice(seed);
    const rounds = Array.from({ length: 4 }, () => ({
      acts: Array.from({ length: roll([1, 2, 3]) }, () =>
        roll(['compromised', 'superseded', 'former key', 'another key', 'halt', 'halt', 'resume', 'resume', 'less recognized', 'more recognized', 'lifetime']),
      ),
      parts: Array.from({ length: roll([0, 1, 3, 6]) }, () => roll(Object.keys(PARTS))),
      settled: roll([true, false]),
    }));
    const run = async (most: number) => {
      const f = await world(most);
      const seen: unknown[] = [];
      let settled = true;
      for (const { acts, parts, settled: end } of rounds) {
        for (const act of acts) {
          f.d.clock += 5;
          await f.acts[act]?.();
          expect(await f.stale(), `${act} of ${JSON.stringify({ rounds })}`).toEqual([]);
        }
        seen.push(settled ? await f.seenAll() : undefined);
        for (const part of parts) {
          f.d.clock += 61;
          await PARTS[part]?.(f).catch((error: unknown) => {
            throw new Error(`${part} of ${JSON.stringify(rounds)}`, { cause: error });
          });
          expect(await f.stale(), `${part} of ${JSON.stringify({ acts, parts, rounds })}`).toEqual([]);
        }
        settled = end;
        if (!end) continue;
        f.d.clock += 61;
        await f.settle();
        await f.settle();
        expect(await f.stale()).toEqual([]);
        if ((await f.state()) === 'active') expect(await notes(f.d)).toEqual([]);
        seen.push(await f.seenAll());
      }
      f.d.clock += 61;
      if ((await f.state()) === 'halted') await f.acts['resume']?.();
      f.d.clock += 61;
      for (let n = 0; n < 2; n++) await f.settle();
      seen.push(await f.seenAll(), await notes(f.d), await f.d.rows('SELECT rests_void FROM authority'));
      return seen;
    };
    const [small, large] = [await run(5000), await run(0)];
    expect(large, JSON.stringify(rounds)).toEqual(small);
    expect((large.at(-3) as { fetch: unknown }).fetch).toEqual([200, 200, 200]);
  });
});
