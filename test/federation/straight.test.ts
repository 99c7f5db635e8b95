import { expect, it } from 'vitest';
import { keptAnswers } from '../../src/public/kept-for.js';
import type { Published } from '../../src/store/published.js';

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
