import { and, eq } from 'drizzle-orm';
import { adds } from '../../federation/entitlements/narrower.js';
import { jsonEqual } from '../../federation/strict-json.js';
import { insertRows } from '../../store/bulk.js';
import { bundleChanged, type BundleRow, bundlesOf, type Holders, holdersOf } from '../../store/bundles.js';
import { authority as authorities, entitlementBundle } from '../../store/schema.js';
import { allow, asWhom, type Call, change, may } from '../call.js';
import { consent } from '../deciding/consent.js';
import { consequencesOf } from '../facts.js';
import { bundleJob, generationOf, nextGeneration } from '../jobs/jobs.js';
import { wouldWait } from '../deciding/waiting.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { type AuthorityRow, expectVersion, findAuthority, publishedPolicy } from '../registry.js';
import { contradicted, expectList } from './check-entitled.js';
import type { Bundles } from './effective.js';

const MAX_BUNDLES = 200;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export interface ShownBundle {
  readonly bundle: BundleRow;
  readonly holders: Holders;
}

/** Bundles of an authority, by name. */
export async function listBundles(call: Call, slug: string): Promise<readonly ShownBundle[]> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return Promise.all([...(await bundlesOf(db, id)).values()].map(async (bundle) => ({ bundle, holders: await holdersOf(db, id, bundle.name) })));
}

async function findBundle({ store: { db } }: Call, authorityId: string, name: string): Promise<BundleRow> {
  const bundle = (await bundlesOf(db, authorityId)).get(name);
  if (!bundle) throw new Refusal('not_found', 'this authority has no such bundle');
  return bundle;
}

export async function showBundle(call: Call, slug: string, name: string): Promise<ShownBundle> {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return { bundle: await findBundle(call, id, name), holders: await holdersOf(call.store.db, id, name) };
}

export interface NewBundle {
  readonly name: string;
  readonly description?: string | undefined;
  readonly entitlements: unknown;
}

/** Make a bundle. Nobody has it yet, so nothing is published. @throws Refusal invalid_request, already_exists, findings */
export async function createBundle(call: Call<ShownBundle>, slug: string, input: NewBundle): Promise<ShownBundle> {
  allow(call, 'draft', slug);
  const { db } = call.store;
  if (!NAME.test(input.name))
    throw new Refusal('invalid_request', 'a bundle is named by 1 to 64 of a-z, 0-9, ".", "_" and "-", and begins with a letter or digit');
  const entitlements = expectList(input.entitlements);
  const authority = await findAuthority(db, slug);
  const { id: authorityId } = authority;
  return change<ShownBundle>(call, {
    authorityId,
    scope: null,
    async decide() {
      const known = await bundlesOf(db, authorityId);
      const { name } = input;
      const there = known.get(name);
      if (there)
        throw new Refusal(
          'already_exists',
          there.state === 'ended' ? `a bundle ${name} has ended; its name is not given again` : `there is a bundle ${name} already`,
        );
      if (known.size >= MAX_BUNDLES) throw new Refusal('wrong_state', `an authority has at most ${MAX_BUNDLES} bundles, ended ones included`);
      const policy = await publishedPolicy(db, authorityId);
      const at = { createdBy: call.actor.id, createdAt: call.now(), updatedAt: call.now(), v: 1 };
      const bundle: BundleRow = { authorityId, name, state: 'active', description: input.description ?? null, entitlements, ...at };
      const faults = await contradicted(db, { authority, policy, bundles: new Map([...known, [name, bundle]]) }, { bundle: name });
      if (faults.length) throw refuseFindings('the bundle contradicts the policy of the authority', faults);
      return {
        events: [{ type: 'bundle.created', subjectKind: 'bundle', subjectId: name, detail: { entitlements } }],
        statements: [insertRows(entitlementBundle, [bundle])],
        result: { bundle, holders: { all: 0, active: 0 } },
      };
    },
  });
}

export interface BundleChange {
  readonly description?: string | null | undefined;
  readonly entitlements?: unknown;
  /** It gives nothing any more, and its name is not given again. */
  readonly end?: true | undefined;
  readonly reason?: string | undefined;
  readonly version?: number | undefined;
  /** The digest of the decision that the caller looked at. */
  readonly digest?: string | undefined;
}

export interface ChangedBundle extends ShownBundle {
  /** Re-signs the statements about those that have it; null: nothing is signed anew. */
  readonly jobId: string | null;
  readonly widens: boolean;
  /** Of a dry run: it would wait for a second person. */
  readonly waits?: boolean;
}

interface Plan {
  readonly before: BundleRow;
  readonly after: BundleRow;
  readonly holders: Holders;
  /** Members that have it may get something that they could not have before. */
  readonly widens: boolean;
  /** Statements that say what was before say too much. */
  readonly takesAway: boolean;
}

/** @throws Refusal not_found, wrong_state, version_conflict, permission_denied, findings */
async function planOf(call: Call, authority: AuthorityRow, name: string, wanted: BundleChange): Promise<Plan> {
  const { db } = call.store;
  const { id: authorityId, slug } = authority;
  const before = await findBundle(call, authorityId, name);
  expectVersion(before, wanted.version);
  if (before.state === 'ended' && !wanted.end) throw new Refusal('wrong_state', `the bundle ${name} has ended`);
  const entitlements = wanted.end ? [] : wanted.entitlements === undefined ? before.entitlements : expectList(wanted.entitlements);
  const after: BundleRow = {
    ...before,
    entitlements,
    state: wanted.end ? 'ended' : before.state,
    description: wanted.description === undefined ? before.description : wanted.description,
    updatedAt: call.now(),
    v: before.v + 1,
  };
  const holders = await holdersOf(db, authorityId, name);
  const gives = adds(before.entitlements, entitlements);
  const widens = holders.all > 0 && gives;
  if (widens && !may(call, 'approve', slug))
    throw new Refusal('permission_denied', `${asWhom(call)} may not approve; this widens what ${holders.all} members may ask for`);
  const known: Bundles = new Map([...(await bundlesOf(db, authorityId)), [name, after]]);
  const policy = await publishedPolicy(db, authorityId);
  const faults = await contradicted(db, { authority, policy, bundles: known }, { bundle: name, sized: gives });
  if (faults.length) throw refuseFindings('with this the statements about members that have the bundle could not be signed', faults);
  return { before, after, holders, widens, takesAway: adds(entitlements, before.entitlements) };
}

function allowBundling(call: Call, slug: string, digest: string | undefined): void {
  if (digest !== undefined) allow(call, 'approve', slug);
  else if (!may(call, 'draft', slug)) allow(call, 'cut', slug);
}

/** What a change of a bundle would reach. @param call a rehearsal @throws Refusal as the change does */
export async function rehearseBundle(call: Call<ChangedBundle>, slug: string, name: string, wanted: BundleChange): Promise<ChangedBundle> {
  const waits = await wouldWait(changeBundle(call, slug, name, wanted));
  const { after, holders, widens } = await planOf(call, await findAuthority(call.store.db, slug), name, wanted);
  return { bundle: after, holders, jobId: null, widens, waits };
}

/**
 * Change or end a bundle, for all that have it: their statements are signed anew in slices, visible as a job. What says too much
 * is not served from this commit on until it is. At quorum 2 what widens takes two persons, as long as anybody has it.
 * @throws Refusal not_found, wrong_state, version_conflict, permission_denied, findings
 */
export async function changeBundle(call: Call<ChangedBundle>, slug: string, name: string, wanted: BundleChange): Promise<ChangedBundle> {
  const { digest, version, reason, ...asked } = wanted;
  allowBundling(call, slug, digest);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  return change<ChangedBundle>(call, {
    authorityId,
    scope: null,
    async decide() {
      const authority = await findAuthority(db, slug);
      const plan = await planOf(call, authority, name, wanted);
      const { before, after, holders, widens, takesAway } = plan;
      const alike = jsonEqual(before.entitlements, after.entitlements);
      const same = alike && before.description === after.description && before.state === after.state;
      if (same && digest === undefined) return { events: [], statements: [], result: { bundle: before, holders, jobId: null, widens } };
      const agreed = await agreement(call, authority, plan, { act: 'bundle', name, ...asked, ...(reason !== undefined && { reason }) }, digest);
      if (agreed.held) return agreed.held;
      const reaches = holders.all > 0 && !alike;
      const next = nextGeneration(authority, call.now());
      const job = reaches && holders.active > 0 ? await bundleJob(call, next, name) : undefined;
      return {
        events: [
          {
            type: after.state === 'ended' ? 'bundle.ended' : 'bundle.changed',
            subjectKind: 'bundle',
            subjectId: name,
            reason,
            detail: {
              was: before.entitlements,
              entitlements: after.entitlements,
              members: holders.all,
              ...(job && { job: job.id, generation: next.generation }),
              ...agreed.detail,
            },
          },
        ],
        statements: [
          ...agreed.statements,
          db
            .update(entitlementBundle)
            .set({ state: after.state, description: after.description, entitlements: after.entitlements, updatedAt: after.updatedAt, v: after.v })
            .where(and(eq(entitlementBundle.authorityId, authorityId), eq(entitlementBundle.name, name))),
          ...(reaches ? bundleChanged(db, authorityId, name, takesAway, call.now()) : []),
          ...(reaches ? consequencesOf(authorityId, { fact: 'bundle changed', bundle: name }, call.now()) : []),
          ...(job ? [db.update(authorities).set(generationOf(next)).where(eq(authorities.id, authorityId)), ...job.statements] : []),
        ],
        result: { bundle: after, holders, jobId: job?.id ?? null, widens },
      };
    },
  });
}

/** Two persons for what widens, where the quorum is 2. */
async function agreement(
  call: Call,
  authority: AuthorityRow,
  { before, after, widens }: Plan,
  request: Readonly<Record<string, unknown>>,
  seen: string | undefined,
) {
  if (!widens) {
    if (seen !== undefined)
      throw new Refusal('decision_changed', 'this widens nothing any more, so nothing waits for a second person; look at the bundle again');
    return { held: undefined, statements: [], detail: {} };
  }
  return consent(call, authority.quorum, {
    kind: 'widening',
    subjectId: `${authority.slug}/${before.name}`,
    authority,
    chain: authority.id,
    permission: 'approve',
    content: { bundle: before.name, v: before.v, was: before.entitlements, entitlements: after.entitlements, ...(after.state === 'ended' && { end: true }) },
    request,
    seen,
  });
}
