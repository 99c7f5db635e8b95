import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdminApp } from '../dist/admin/app.js';
import { sealedCustody } from '../dist/keys/custody.js';
import { byNode } from '../dist/keys/open-key.node.js';
import { newSealKey } from '../dist/keys/random.js';
import { importSealKey } from '../dist/keys/seal.js';
import { ensureOwner } from '../dist/operations/access/api-keys.js';
import { createAuthority } from '../dist/operations/authorities/authorities.js';
import { trustedClock } from '../dist/operations/clock/trusted-clock.js';
import { startingCall } from '../dist/operations/call.js';
import { startImport } from '../dist/operations/members/import-job.js';
import { importSlice } from '../dist/operations/members/import-members.js';
import { exploringDirectly } from '../dist/operations/explore-directly.js';
import { closedDoor } from '../dist/outbound/closed-door.js';
import { createPublicApp } from '../dist/public/app.js';
import { inboxOnSqlite } from '../dist/store/inbox.node.js';
import { publishedOnSqlite } from '../dist/store/published.node.js';
import { openStore } from '../dist/store/store.node.js';

export const ANCHOR = 'https://anchor.example.org';
export const seconds = () => Math.floor(Date.now() / 1000);
export const memberId = (n) => `https://m${String(n).padStart(6, '0')}.example.org`;

/** What a process over the file of a deployment works with. */
export async function attach(folder, seal, development = false) {
  const store = openStore(join(folder, 'holdfast.db'), seconds);
  const custody = sealedCustody(await importSealKey(seal), byNode);
  const clock = trustedClock({ now: seconds, elapsed: () => performance.now() / 1000 }, { development });
  const parts = exploringDirectly({ store, custody, outbound: closedDoor('a benchmark'), clock, development });
  return { ...parts, call: startingCall(parts) };
}

/** A deployment on a real file, as the server builds it. */
export async function deployment({ entityId = ANCHOR, development = false, folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-')) } = {}) {
  mkdirSync(folder, { recursive: true });
  const seal = newSealKey();
  const all = await attach(folder, seal, development);
  const { store, custody, call } = all;
  const token = await ensureOwner(all, undefined);
  await createAuthority(call, { slug: 'main', entityId });
  const key = await custody.generate('bench', 'ES256');
  const published = publishedOnSqlite(store.reader);
  store.onCommit(() => published.changed());
  const context = { published, inbox: inboxOnSqlite(store.writer), now: seconds, development };
  return {
    ...all,
    folder,
    seal,
    token,
    jwks: { keys: [key.jwk] },
    key,
    keyCustody: custody,
    publicApp: createPublicApp(() => context),
    admin: createAdminApp(() => all),
    close() {
      store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Import members from..to-1, active. */
export async function populate(d, from, to, idOf = memberId) {
  const job = await startImport(d.call, 'main', { dryRun: false });
  for (let at = from; at < to; at += 500) {
    const lines = Array.from({ length: Math.min(500, to - at) }, (_, n) => ({
      line: at - from + n + 1,
      input: { entityId: idOf(at + n), jwks: d.jwks, entityTypes: ['openid_relying_party'], activate: true },
    }));
    await importSlice(d.call, 'main', job.id, lines);
  }
}
