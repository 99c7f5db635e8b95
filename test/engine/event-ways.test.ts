import { expect, it } from 'vitest';
import { type EventFilter, listEvents } from '../../src/operations/events/list-events.js';
import { testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const of = (id: string) => encodeURIComponent(id);

it('events of several kinds, actors or ways to be about a member are those that a look at all of them finds, in every order and page', async () => {
  const d = await testDeployment();
  const ids = ['https://a.example.com', 'https://b.example.com'];
  for (const id of ids) await d.admin('POST', `${A}/members`, { entity_id: id, jwks: (await testMember(id)).jwks, organization: 'Org', activate: true });
  d.clock += 10;
  await d.admin('POST', `${A}/members/${of(ids[0] ?? '')}/suspend`, { reason: 'x' });
  await d.admin('POST', `${A}/organizations/Org/halt`, { reason: 'x' });
  d.clock += 10;
  await d.admin('POST', `${A}/organizations/Org/resume`, { reason: 'x' });
  await d.admin('POST', `${A}/members/${of(ids[0] ?? '')}/resume`, { reason: 'x' });
  const all = (await listEvents(d.call, 'main', { limit: 1000 })).items;
  const [member] = await d.rows(`SELECT id, organization_id AS org FROM member WHERE entity_id = '${ids[0]}'`);
  const isAbout = ({ subjectId, type }: (typeof all)[number]) =>
    subjectId === member?.['id'] || (subjectId === member?.['org'] && ['organization.halted', 'organization.resumed'].includes(type));
  const types = ['member.suspended', 'organization.halted', 'member.resumed'];
  const since = d.clock - 10;
  const cases: readonly [Partial<EventFilter>, (one: (typeof all)[number]) => boolean][] = [
    [{ member: ids[0] }, isAbout],
    [{ member: ids[0], type: types }, (one) => isAbout(one) && types.includes(one.type)],
    [{ member: ids[0], type: ['member.suspended'], since }, (one) => isAbout(one) && one.type === 'member.suspended' && one.at >= since],
    [{ member: ids[0], subject: 'Org' }, (one) => isAbout(one) && one.subjectId === member?.['org']],
    [{ type: types }, (one) => types.includes(one.type)],
    [{ type: types, until: since }, (one) => types.includes(one.type) && one.at < since],
    [{ subject: ids[0], type: types }, (one) => one.subjectId === member?.['id'] && types.includes(one.type)],
  ];
  for (const [filter, passes] of cases)
    for (const newest of [false, true]) {
      const wanted = all.filter(passes).map(({ seq }) => seq);
      if (newest) wanted.reverse();
      const got: number[] = [];
      let cursor: string | undefined;
      do {
        const page = await listEvents(d.call, 'main', { limit: 2, cursor, newest, ...filter });
        got.push(...page.items.map(({ seq }) => seq));
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
      expect(got, JSON.stringify({ ...filter, newest })).toEqual(wanted);
    }
  expect(all.filter(isAbout).length).toBeGreaterThan(4);
});
