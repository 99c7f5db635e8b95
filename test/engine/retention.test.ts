import { expect, it } from 'vitest';
import { purge } from '../../src/operations/background.js';
import { NOW, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const day = 86_400;

it('finished jobs go after 90 days with their reports, but for the last of each kind; what runs stays', async () => {
  const d = await testDeployment();
  const [{ id } = { id: '' }] = (await d.rows('SELECT id FROM authority')) as { id: string }[];
  const job = (n: number, kind: string, state: string) =>
    d.execute(
      `INSERT INTO job VALUES ('job_${kind}${state}${String(n).padStart(2, '0')}', '${id}', '${kind}', '${state}', 0, 0, 0, '{}', 'x', ${NOW + n}, ${NOW + n})`,
    );
  for (let n = 0; n < 25; n++) await job(n, 'import', 'done');
  await job(0, 'impact', 'done');
  await job(0, 'resign', 'running');
  for (const n of ['00', '24']) await d.execute(`INSERT INTO job_refusal VALUES ('job_importdone${n}', 1, NULL, 'x', 'x')`);
  const jobs = async () => (await d.rows('SELECT id FROM job')).length;
  await purge(d.deployment);
  expect(await jobs()).toBe(27);
  d.clock = NOW + 91 * day;
  for (let n = 0; n < 2; n++) await purge(d.deployment);
  expect([await jobs(), (await d.rows('SELECT job_id FROM job_refusal')).map(({ job_id }) => job_id)]).toEqual([22, ['job_importdone24']]);
  expect((await d.rows("SELECT 1 FROM job WHERE state = 'running' OR kind = 'impact'")).length).toBe(2);
});

it('an import that nobody goes on with ends after a day; one that goes on does not', async () => {
  const d = await testDeployment();
  const begun = async () => (await d.admin('POST', `${A}/imports`, {})).json.id as string;
  const left = await begun();
  d.clock += day / 2;
  const used = await begun();
  d.clock += day / 2 + 1;
  await purge(d.deployment);
  const stateOf = async (id: string) => (await d.admin('GET', `${A}/jobs/${id}`)).json.state;
  expect([await stateOf(left), await stateOf(used)]).toEqual(['failed', 'running']);
  await purge(d.deployment);
  const ended = (await d.admin('GET', `${A}/events?type=import.abandoned`)).json.items as { subject: { id: string }; actor: { kind: string } }[];
  expect(ended.map(({ subject, actor }) => [subject.id, actor.kind])).toEqual([[left, 'system']]);

  // However it ends, once: and only an import is ended by hand.
  await d.admin('POST', `${A}/imports/${used}/finish`);
  expect((await d.admin('POST', `${A}/jobs/${used}/cancel`)).json.code).toBe('wrong_state');
  expect((await d.admin('GET', `${A}/events?type=import.finished,import.cancelled`)).json.items).toHaveLength(1);
  const crawl = (await d.admin('POST', `${A}/crawls`, {})).json.id as string;
  expect((await d.admin('POST', `${A}/imports/${crawl}/finish`)).json.code).toBe('wrong_state');
});

it('the job of a crawl whose result is on show stays, however old and however many came after it', async () => {
  const d = await testDeployment();
  const [{ id } = { id: '' }] = (await d.rows('SELECT id FROM authority')) as { id: string }[];
  for (let n = 0; n < 25; n++)
    await d.execute(`INSERT INTO job VALUES ('job_crawl${String(n).padStart(2, '0')}', '${id}', 'crawl', 'done', 0, 0, 0, '{}', 'x', ${NOW + n}, ${NOW + n})`);
  await d.execute("INSERT INTO crawl_entity (job_id, entity_id, depth, state) VALUES ('job_crawl00', 'https://a.example', 1, 'done')");
  d.clock = NOW + 91 * day;
  await purge(d.deployment);
  const left = (await d.rows('SELECT id FROM job ORDER BY id')).map((row) => row['id']);
  expect([left.length, left[0], left[1]]).toEqual([21, 'job_crawl00', 'job_crawl05']);
});

it('what was watched of a member goes when the member has ended', async () => {
  const d = await testDeployment();
  for (const name of ['one', 'two']) {
    const { id, jwks } = await testMember(`https://${name}.example`);
    const { json } = await d.admin('POST', `${A}/members`, { entity_id: id, jwks, activate: true });
    await d.execute(
      `INSERT INTO member_watch (member_id, authority_id, entity_id, checked_at, failures, raised, counting) VALUES ('${json.id}', 'x', '${id}', 0, 0, '[]', '{}')`,
    );
  }
  await d.admin('POST', `${A}/members/${encodeURIComponent('https://one.example')}/revoke`, { reason: 'fraud' });
  expect((await d.rows('SELECT entity_id FROM member_watch')).map(({ entity_id }) => entity_id)).toEqual(['https://two.example']);
});

it('a cursor of no job is refused: it does not give the first page again', async () => {
  const d = await testDeployment();
  expect((await d.admin('GET', `${A}/jobs?cursor=job_unknown`)).status).toBe(400);
});
