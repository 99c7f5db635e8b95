import { expect, it } from 'vitest';
import { haltAuthority } from '../../src/operations/authorities/halt-authority.js';
import { resumeAuthority } from '../../src/operations/authorities/resume-authority.js';
import type { Call } from '../../src/operations/call.js';
import { haltMarkType } from '../../src/operations/marks/mark-types.js';
import { enrollMember } from '../../src/operations/members/enroll-member.js';
import { haltOrganization } from '../../src/operations/organizations/halt-organization.js';
import { resumeOrganization } from '../../src/operations/organizations/resume-organization.js';
import { pinAnchor, unpinAnchor } from '../../src/operations/resolving/anchors.js';
import { testDeployment, testMember } from '../support/deployment.js';

const TYPE = 'https://anchor.example.org/marks/certified';
const OTHER = 'https://other.example.org';

/** What cuts, what gives back, and what tells whether it was given back; the cut has been made before. */
const PAIRS: Record<
  string,
  { readonly cut: (call: Call<unknown>) => Promise<unknown>; readonly back: (call: Call<unknown>) => Promise<unknown>; readonly trusted: string }
> = {
  'an authority': {
    cut: (call) => haltAuthority(call, 'main', 'fraud'),
    back: (call) => resumeAuthority(call, 'main', 'all is well'),
    trusted: "SELECT 1 FROM authority WHERE state = 'active'",
  },
  'an organization': {
    cut: (call) => haltOrganization(call, 'main', 'Bank A', 'fraud'),
    back: (call) => resumeOrganization(call, 'main', 'Bank A', 'all is well'),
    trusted: "SELECT 1 FROM organization WHERE state = 'active' UNION ALL SELECT 1 FROM member WHERE state = 'active'",
  },
  'a type of Trust Mark': {
    cut: (call) => haltMarkType(call, 'main', TYPE, true, 'fraud'),
    back: (call) => haltMarkType(call, 'main', TYPE, false, undefined),
    trusted: "SELECT 1 FROM trust_mark_type WHERE state = 'active'",
  },
  'an anchor': {
    cut: (call) => unpinAnchor(call, 'main', OTHER),
    back: async (call) => pinAnchor(call, 'main', { entityId: OTHER, jwks: (await testMember(OTHER)).jwks }),
    trusted: 'SELECT 1 FROM anchor_pin',
  },
};

it.each(Object.entries(PAIRS))('what waits to give %s back is refused when a cut comes first, though there is nothing left to cut', async (_what, pair) => {
  const d = await testDeployment();
  const { jwks } = await testMember('https://a.example.com');
  await d.admin('POST', '/authorities/main/members', { entity_id: 'https://a.example.com', jwks, organization: 'Bank A', activate: true });
  await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: TYPE });
  await pinAnchor(d.call, 'main', { entityId: OTHER, jwks: (await testMember(OTHER)).jwks });
  await pair.cut(d.call);
  const [{ id } = {}] = await d.rows('SELECT id FROM authority');
  let go = () => {};
  let begun = () => {};
  const running = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const before = d.store.change({
    authorityId: String(id),
    scope: null,
    actor: d.call.actor,
    async decide() {
      begun();
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      return { events: [], statements: [], result: null };
    },
  });
  await running;
  const { change } = d.store;
  /** Carry out, and say when it has come to the queue. */
  const queued = async (act: (call: Call<unknown>) => Promise<unknown>) => {
    let asked = () => {};
    const there = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const store = {
      ...d.store,
      change: ((request) => {
        const done = change(request);
        asked();
        return done;
      }) as typeof change,
    };
    const done = act({ ...d.call, store }).then(
      () => 'done',
      (error: { readonly code?: string }) => error.code,
    );
    await there;
    return { done };
  };
  const back = await queued(pair.back);
  const cut = await queued(pair.cut);
  go();
  await before;
  await cut.done;
  expect(await back.done).toBe('version_conflict');
  expect(await d.rows(pair.trusted)).toEqual([]);
});

it('who looked before a cut and asks after it is refused, also where that cut found nothing left to cut', async () => {
  const d = await testDeployment();
  const member = await testMember(OTHER);
  await enrollMember(d.call, 'main', { entityId: OTHER, jwks: member.jwks, activate: true });
  const at = `/authorities/main/members/${encodeURIComponent(OTHER)}`;
  await d.admin('POST', `${at}/suspend`, { reason: 'audit' });
  const head = async () => (await d.admin('GET', '/authorities/main/events?order=newest&limit=1')).json.items[0].seq;
  const looked = await head();
  await d.admin('POST', `${at}/suspend`, { reason: 'fraud' });
  expect(await d.admin('POST', `${at}/resume`, { as_of: looked })).toMatchObject({ status: 412, json: { code: 'version_conflict' } });
  expect((await d.admin('POST', `${at}/resume`, { as_of: -1 })).status).toBe(400);
  // Whoever claims to know of events that are not there yet is as any other.
  const ahead = (await head()) + 1000;
  expect((await d.admin('POST', `${at}/resume`, { as_of: ahead })).json.state).toBe('active');
});
