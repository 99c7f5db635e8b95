import { expect, it } from 'vitest';
import { keptAnswers } from '../../src/public/kept-for.js';
import { createCache, createPublished, type Published, type Select } from '../../src/store/published.js';

it('a store that answers later is asked for nothing on the straight way after the first time, and what it fails with is nobody’s', async () => {
  let asked = 0;
  const published = {
    begin: () => 0,
    spelled: () => undefined,
    authorities: () => {
      asked++;
      return Promise.reject(new Error('the store is away'));
    },
  } as unknown as Published;
  const answers = keptAnswers(() => ({ published, now: () => 1, development: false }));
  const url = `https://a.example/fetch?sub=${encodeURIComponent('https://b.example')}`;
  for (let n = 0; n < 3; n++) expect(answers.get(url, { host: 'a.example', accept: undefined, 'if-none-match': undefined })).toBeUndefined();
  // A rejection that nobody handles would end the process, and fails this run.
  await new Promise((done) => setTimeout(done));
  expect(asked).toBe(1);
});

it('of a million that are asked for once each hardly one is kept, and each is answered', async () => {
  const [now, TA] = [() => 1_800_000_000, 'https://ta.example.org'];
  const select: Select = (sql, params) =>
    sql.includes('client_auth')
      ? [{ id: 'a', entity_id: TA, client_auth: '{}', withheld: 0 }]
      : [{ bytes: `about ${params[2]}`, media_type: 'x/y', sha256: 'hash', exp: now() + 3600, cap: null, withheld: 0 }];
  const published = createPublished(
    select,
    createCache(50_000, () => true),
  );
  const answers = keptAnswers(() => ({ published, now, development: false }));
  const ask = (subject: string) =>
    answers.get(`${TA}/fetch?sub=${encodeURIComponent(subject)}`, { host: 'ta.example.org', accept: undefined, 'if-none-match': undefined })?.body;
  ask('https://first.example');
  for (let n = 0; n < 500; n++) expect(ask(`https://m${n}.example`)).toBe(`about https://m${n}.example`);
  const { entries } = published.kept();
  for (let n = 500; n < 1000; n++) expect(ask(`https://m${n}.example`)).toBe(`about https://m${n}.example`);
  expect(published.kept().entries, 'who came first has not gone').toBe(entries);
  const spelled = (subject: string) => published.spelled(`${TA}/fetch?sub=${encodeURIComponent(subject)}`);
  expect(spelled('https://first.example')).toBeDefined();
  expect(spelled('https://m999.example')).toBeUndefined();
  for (let n = 0; n < 2; n++) ask('https://m999.example');
  expect(spelled('https://m999.example'), 'asked for again soon').toBeDefined();
});
