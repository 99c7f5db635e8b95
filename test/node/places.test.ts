import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { sealedCustody } from '../../src/keys/custody.js';
import { newSealKey } from '../../src/keys/random.js';
import { importSealKey } from '../../src/keys/seal.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { startingCall } from '../../src/operations/call.js';
import { trustedClock } from '../../src/operations/clock/trusted-clock.js';
import { exploringDirectly } from '../../src/operations/explore-directly.js';
import { closedDoor } from '../../src/outbound/closed-door.js';
import { openStore } from '../../src/store/store.node.js';
import { NOW } from '../support/deployment.js';

it('EI-03: of two processes on one file that make an authority of one place at once, one makes it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-places-'));
  const seal = await importSealKey(newSealKey());
  const clock = trustedClock({ now: () => NOW, elapsed: () => 0 }, { development: false });
  const calls = [1, 2].map(() => {
    const store = openStore(join(folder, 'holdfast.db'), () => NOW);
    onTestFinished(() => store.close());
    return startingCall(exploringDirectly({ store, custody: sealedCustody(seal), outbound: closedDoor('closed'), clock, development: false }));
  });
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const made = await Promise.allSettled(
    calls.map((call, n) => createAuthority(call, { slug: `one-${n}`, entityId: ['https://ta.example.org', 'https://TA.example.org.:443/'][n] ?? '' })),
  );
  expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const [lost] = made.filter((one) => one.status === 'rejected');
  expect(lost?.reason).toMatchObject({ code: 'already_exists', message: expect.stringContaining('answers at that URL already') });
});
