import { eq } from 'drizzle-orm';
import { putArtefacts } from '../../store/bulk.js';
import type { Statement } from '../../store/database.js';
import { tellAll, tellNothing } from '../../store/registration-events.js';
import { authority } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { nextGeneration, resignJob } from '../jobs/jobs.js';
import type { Judged, WithFindings } from '../judged.js';
import { issuerOf, published, signedConfiguration } from '../artefacts/publish.js';
import { consequencesOf } from '../facts.js';
import { recognizesLess } from '../../federation/recognition.js';
import { consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { settingsWidened } from '../deciding/widening.js';
import { type AuthorityRow, expectVersion, findAuthority } from '../registry.js';
import { type AuthorityInput, expectInput, expectSoundOwners, named } from './authority-input.js';
import { decideAuthority, type NewAuthority, prepareAuthority } from './new-authority.js';

export type { AuthorityInput } from './authority-input.js';
export type { NewAuthority } from './new-authority.js';

/** Make an authority with its first key, active at once, and publish its configuration. @throws Refusal */
export async function createAuthority(call: Call<AuthorityRow>, input: NewAuthority): Promise<AuthorityRow> {
  allow(call, 'administer', null);
  const prepared = await prepareAuthority(call, input);
  return change(call, {
    authorityId: prepared.id,
    scope: null,
    async decide() {
      const { row, event, statements } = await decideAuthority(call, prepared);
      return { events: [event], statements, result: row };
    },
  });
}

/** What became of its subordinates is told from now on, or no more. */
function toldFrom({ store: { db }, now }: Call, before: AuthorityRow, after: AuthorityRow): readonly Statement[] {
  if (before.subordinateEvents === after.subordinateEvents) return [];
  return [after.subordinateEvents ? tellAll(after.id, now()) : tellNothing(db, after.id)];
}

/** The same settings as they stand. */
export const asTheyAre = (before: AuthorityRow, set: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.keys(set).map((name) => [name, before[name as keyof AuthorityRow]]));

/** Settings whose change reaches every statement. */
const RESIGNS = ['statementLifetime', 'ecLocation'] as const;

/**
 * Change an authority's settings; its configuration is signed anew at once, statements in slices when they change too. What
 * it recognizes beside what it did, and longer lifetimes, take the quorum; all else takes one person.
 * @param findings what is told along with the answer
 */
export async function changeAuthority(
  call: Call<WithFindings<AuthorityRow>>,
  slug: string,
  { version, organizationName, ...input }: AuthorityInput & { readonly version?: number | undefined },
  findings: readonly Judged[] = [],
  seen: Seen = {},
): Promise<WithFindings<AuthorityRow>> {
  allow(call, 'administer', slug);
  expectInput(input, call.development);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return change(call, {
    authorityId: id,
    scope: null,
    async decide() {
      const before = await findAuthority(db, slug);
      expectVersion(before, version);
      const sound = await expectSoundOwners(call, id, input.claims);
      const metadata = organizationName === undefined ? input.metadata : named(input.metadata ?? before.metadata, organizationName);
      const set = Object.fromEntries(Object.entries({ ...input, metadata }).filter(([, value]) => value !== undefined)) as Partial<AuthorityRow>;
      const all = RESIGNS.some((name) => set[name] !== undefined && set[name] !== before[name]);
      const now = call.now();
      const changed: AuthorityRow = { ...before, ...set };
      const widens = settingsWidened(before, changed);
      const agreed = await consent(call, widens.length ? before.quorum : 1, {
        kind: 'settings',
        subjectId: id,
        authority: before,
        chain: id,
        permission: 'administer',
        content: { authority: slug, widens, from: asTheyAre(before, set), to: set },
        request: { ...input, ...(organizationName !== undefined && { organizationName }) },
        seen: seen.digest,
        note: seen.note,
      });
      if (agreed.held) return agreed.held;
      const after = all ? nextGeneration(changed, now) : { ...changed, updatedAt: now, v: before.v + 1 };
      const artefacts = [await signedConfiguration(call, await issuerOf(call, after))];
      const job = all ? await resignJob(call, after, 'settings', 'statements') : undefined;
      // What signing raises is not ours to write, nor what the background clears: it may have moved since the row was read.
      const {
        id: _,
        slug: __,
        entityId: ___,
        createdAt: ____,
        configurationExp: _____,
        quorum: ______,
        keyProof: _______,
        secondChannel: ________,
        servesFrom: _________,
        restsVoid: __________,
        keysFrom: ___________,
        ...columns
      } = after;
      return {
        events: [
          {
            type: 'authority.changed',
            subjectKind: 'authority',
            subjectId: id,
            detail: { changed: Object.keys(set), generation: after.generation, ...(widens.length && { widens, ...agreed.detail }) },
            artefacts: published(artefacts),
          },
        ],
        statements: [
          ...agreed.statements,
          ...sound,
          db.update(authority).set(columns).where(eq(authority.id, id)),
          ...(job?.statements ?? []),
          ...(recognizesLess(before.claims, after.claims) ? consequencesOf(id, { fact: 'recognizes less' }, now, call.dueAtOnce) : []),
          ...toldFrom(call, before, after),
          ...putArtefacts(artefacts),
        ],
        result: { ...after, findings },
      };
    },
  });
}
