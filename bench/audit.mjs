import { digestOf, signCheckpoint } from '../dist/audit/checkpoint.js';
import { eventLine } from '../dist/audit/export-lines.js';
import { auditVerifier } from '../dist/audit/verify.js';
import { nodeDigest } from '../dist/cli/audit-file.js';
import { sealedCustody } from '../dist/keys/custody.js';
import { newSealKey } from '../dist/keys/random.js';
import { importSealKey } from '../dist/keys/seal.js';
import { chainEvents, EMPTY_HEAD } from '../dist/store/event.js';
import { judge, say, title } from './measure.mjs';

const ISSUER = 'https://anchor.example.org';
/** `npm run bench audit 1000000`: as long as the chain of a large deployment after years; it takes minutes. */
const COUNT = Number((process.argv[2] === 'audit' ? process.argv[3] : undefined) ?? process.env.BENCH_AUDIT_EVENTS ?? 100_000);
if (!Number.isInteger(COUNT) || COUNT < 1) throw new Error('npm run bench audit [<events>]: a whole number of events, 100000 when it is left out');
const CHECKPOINT_EVERY = 1000;
const SECONDS_PER_100_000 = 15;
/** However many there are: what streams by is not kept. */
const MEGABYTES = 400;

/** An export as it is streamed: nothing of it is kept. */
async function* exported() {
  const custody = sealedCustody(await importSealKey(newSealKey()));
  const key = await custody.generate('akey_bench', 'ES256');
  const signer = await custody.signer({ id: 'akey_bench', ...key });
  const digest = (await import('@noble/hashes/sha2.js')).sha256.create();
  const line = (value) => {
    const text = JSON.stringify(value);
    digest.update(new TextEncoder().encode(`${text}\n`));
    return text;
  };
  const header = { chain: 'aut_x', entity_id: ISSUER, made_at: 1_900_000_000, from: 1, to: null, prev_hash: EMPTY_HEAD.hash, private: true };
  yield line({ holdfast_audit_export: 1, ...header, audit_jwks: { [ISSUER]: { keys: [key.jwk] } } });
  let head = EMPTY_HEAD;
  let prev = null;
  for (let n = 0; n < COUNT; n += CHECKPOINT_EVERY) {
    const events = Array.from({ length: Math.min(CHECKPOINT_EVERY, COUNT - n) }, (_, at) => ({
      type: 'member.suspended',
      subjectKind: 'member',
      subjectId: `mem_${n + at}`,
      reason: 'the licence was withdrawn by the supervisor',
      detail: { entity_id: `https://rp-${n + at}.example.org`, from: 'active', to: 'suspended' },
      artefacts: [{ kind: 'statement', key: `https://rp-${n + at}.example.org`, sha256: 'A'.repeat(43), exp: 1_900_000_000 }],
    }));
    const made = chainEvents('aut_x', head, 1_800_000_000 + n, { id: 'api_bench', kind: 'api_key' }, events);
    for (const { row, sealed } of made.rows) yield line(eventLine(row, sealed));
    head = made.head;
    const jws = await signCheckpoint({ iss: ISSUER, seq: head.seq, head: head.hash, prev_checkpoint: prev, iat: 1_800_000_000 + n }, signer);
    prev = digestOf(jws);
    yield line({ checkpoint: jws });
  }
  yield JSON.stringify({ end: { seq: head.seq, head: head.hash, events: COUNT, sha256: Buffer.from(digest.digest()).toString('hex') } });
}

/** Verifying alone is timed, as whoever waits for it would. Making the lines is not. */
export async function audit() {
  title(`Audit: ${COUNT} events verified as they stream by, a checkpoint every ${CHECKPOINT_EVERY}`);
  const verifier = auditVerifier({ digest: nodeDigest() });
  let [spent, most, lot] = [0, 0, []];
  const base = process.memoryUsage().rss;
  const take = async () => {
    const begun = performance.now();
    for (const text of lot) {
      const waiting = verifier.line(text);
      if (waiting) await waiting;
    }
    spent += performance.now() - begun;
    most = Math.max(most, process.memoryUsage().rss);
    lot = [];
  };
  for await (const text of exported()) if (lot.push(text) === 2000) await take();
  await take();
  const { findings, provenTo } = verifier.end();
  if (findings.length || provenTo !== COUNT) throw new Error(`the bench's own export is not whole: ${JSON.stringify(findings.slice(0, 3))}`);
  judge('seconds', spent / 1000, { atMost: (SECONDS_PER_100_000 * COUNT) / 100_000 });
  judge('memory at most (MB resident, the making of the lines included)', most / 1e6, { atMost: MEGABYTES });
  say(`memory: ${(base / 1e6).toFixed(0)} MB before, ${(most / 1e6).toFixed(0)} MB at most, the making of the lines included`);
}
