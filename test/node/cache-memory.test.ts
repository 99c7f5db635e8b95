import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { createPublicApp } from '../../src/public/app.js';
import { createCache, createPublished, type Select } from '../../src/store/published.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heap = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};

it('the bytes that are charged are the bytes that are held: neither keys, headers nor requests hang on what is kept', async () => {
  const [now, TA] = [() => 1_800_000_000, 'https://ta.example.org'];
  const select: Select = (sql, params) => {
    if (sql.includes('FROM authority')) return [{ id: 'a', entity_id: TA, client_auth: '{}' }];
    if (sql.includes('FROM artefact'))
      return [
        { bytes: Buffer.alloc(1000, 'e').toString('latin1'), media_type: 'x/y', sha256: `hash${String(params[2]).length}`, exp: now() + 3600, cap: null },
      ];
    return [];
  };
  const published = createPublished(
    select,
    createCache(64 * 1024 * 1024, () => true),
  );
  const app = createPublicApp(() => ({ published, inbox: undefined, now, development: false }));
  const ask = async (n: number) =>
    (
      await app.request(`${TA}/fetch?sub=${encodeURIComponent(`https://m${n}.example/${'x'.repeat(200)}`)}`, { headers: { 'x-junk': 'j'.repeat(2000) } })
    ).text();
  for (let n = 0; n < 500; n++) await ask(n);
  const [before, charged] = [heap(), published.kept().bytes];
  for (let n = 500; n < 15_500; n++) await ask(n);
  const grown = heap() - before;
  const more = published.kept().bytes - charged;
  expect(published.kept().entries).toBeGreaterThan(15_000);
  expect(published.kept().spellings).toBeGreaterThan(15_000);
  expect(grown / more, `${grown} bytes held, ${more} charged`).toBeLessThan(1.25);
});
