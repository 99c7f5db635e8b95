import { eq } from 'drizzle-orm';
import { base64url } from 'jose';
import type { Finding } from '../../federation/entry.js';
import { MAX_ROOTS_BYTES, rootFaults } from '../../keys/certificates.js';
import { pemCertificates } from '../../keys/pem-certificates.js';
import { sha256 } from '../../keys/random.js';
import { lookAtCertificatesAnew } from '../../store/certified.js';
import { authority, KEY_PROOF_MODES, SECOND_CHANNEL_MODES } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { type AuthorityRow, findAuthority } from '../registry.js';

/** What an authority demands of keys. Fields left out stay. */
export interface BindingInput {
  readonly keyProof?: AuthorityRow['keyProof'] | undefined;
  readonly secondChannel?: AuthorityRow['secondChannel'] | undefined;
  /** PEM; null: only self-issued certificates are accepted, which with roots are not. */
  readonly certificateRoots?: string | null | undefined;
}

type Demands = Pick<AuthorityRow, 'keyProof' | 'secondChannel' | 'certificateRoots'>;

/** Who may issue certificates, each by the bytes of its DER. A text that cannot be read trusts nobody. */
function rootSet(pem: string | null): ReadonlySet<string> {
  try {
    return new Set(pem === null ? [] : pemCertificates(pem).map((der) => base64url.encode(der)));
  } catch {
    return new Set();
  }
}

/** Another one may issue certificates, or, with no roots at all, each member for itself. */
function trustsMore(before: string | null, after: string | null): boolean {
  if (after === null) return before !== null;
  const known = rootSet(before);
  return [...rootSet(after)].some((one) => !known.has(one));
}

/** What of it lets keys in that were stopped before, in the words of the API. Pure. */
export const loosened = (before: Demands, after: Demands): readonly string[] => [
  ...(KEY_PROOF_MODES.indexOf(after.keyProof) < KEY_PROOF_MODES.indexOf(before.keyProof) ? ['key_proof'] : []),
  ...(SECOND_CHANNEL_MODES.indexOf(after.secondChannel) < SECOND_CHANNEL_MODES.indexOf(before.secondChannel) ? ['second_channel'] : []),
  ...(trustsMore(before.certificateRoots, after.certificateRoots) ? ['certificate_roots'] : []),
];

/** The demands in the words of the API: what a decision about them covers. */
export const inWords = async ({ keyProof, secondChannel, certificateRoots }: Demands) => ({
  key_proof: keyProof,
  second_channel: secondChannel,
  certificate_roots: rootSet(certificateRoots).size,
  certificate_roots_sha256: certificateRoots === null ? null : await sha256(certificateRoots),
});

/** @throws Refusal findings, invalid_request */
async function expectRoots(pem: string | null | undefined, now: number): Promise<void> {
  if (typeof pem !== 'string') return;
  if (pem.length > MAX_ROOTS_BYTES) throw new Refusal('invalid_request', `certificate_roots: more than ${MAX_ROOTS_BYTES} characters`);
  let faults: readonly Finding[];
  try {
    faults = await rootFaults(pem, now);
  } catch (error) {
    throw new Refusal('invalid_request', `certificate_roots: ${error instanceof Error ? error.message.slice(0, 200) : 'they cannot be read'}`);
  }
  if (faults.length) throw refuseFindings('these are no roots', faults);
}

/**
 * Set what is demanded of keys before they are vouched for. To demand more takes one person, to demand less the quorum. What is
 * bound already stays: it is asked for again when it is decided about again.
 */
export async function setBinding(call: Call<AuthorityRow>, slug: string, input: BindingInput, seen: Seen = {}): Promise<AuthorityRow> {
  allow(call, 'administer', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  await expectRoots(input.certificateRoots, call.now());
  return change<AuthorityRow>(call, {
    authorityId: id,
    scope: null,
    async decide() {
      const before = await findAuthority(db, slug);
      const set = {
        keyProof: input.keyProof ?? before.keyProof,
        secondChannel: input.secondChannel ?? before.secondChannel,
        certificateRoots: input.certificateRoots === undefined ? before.certificateRoots : input.certificateRoots,
      };
      const changed = (Object.keys(set) as (keyof Demands)[]).filter((name) => set[name] !== before[name]);
      if (changed.length === 0) return { events: [], statements: [], result: before };
      const loosens = loosened(before, set);
      const [from, to] = [await inWords(before), await inWords(set)];
      const agreed = await consent(call, loosens.length ? before.quorum : 1, {
        kind: 'binding',
        subjectId: id,
        authority: before,
        chain: id,
        permission: 'administer',
        content: { authority: slug, from, to, loosens },
        request: { key_proof: set.keyProof, second_channel: set.secondChannel, certificate_roots: set.certificateRoots },
        seen: seen.digest,
        note: seen.note,
      });
      if (agreed.held) return agreed.held;
      const after = { ...before, ...set, updatedAt: call.now(), v: before.v + 1 };
      return {
        events: [
          {
            type: 'authority.binding_changed',
            subjectKind: 'authority',
            subjectId: id,
            detail: { from, to, ...(loosens.length && { loosens, ...agreed.detail }) },
          },
        ],
        statements: [
          ...agreed.statements,
          db
            .update(authority)
            .set({ ...set, updatedAt: after.updatedAt, v: after.v })
            .where(eq(authority.id, id)),
          ...(set.certificateRoots === before.certificateRoots ? [] : [lookAtCertificatesAnew()]),
        ],
        result: after,
      };
    },
  });
}
