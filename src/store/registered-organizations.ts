import { and, asc, eq } from 'drizzle-orm';
import type { Database, Statement } from './database.js';
import { onlyWhile } from './only-while.js';
import { authority, organization } from './schema.js';

/** Organizations by what a public register says of them: each authority has rows of its own, the legal body is one. */
export interface RegisteredOrganization {
  readonly id: string;
  readonly legalName?: string;
  readonly state: (typeof organization.$inferSelect)['state'];
  readonly authorityId: string;
  readonly slug: string;
  readonly jurisdiction: string | null;
}

/** @param jurisdiction undefined: whatever it is */
export const registeredAs = (db: Database, registrationNumber: string, jurisdiction: string | undefined): Promise<RegisteredOrganization[]> =>
  db
    .select({
      id: organization.id,
      legalName: organization.legalName,
      state: organization.state,
      authorityId: organization.authorityId,
      slug: authority.slug,
      jurisdiction: organization.jurisdiction,
    })
    .from(organization)
    .innerJoin(authority, eq(authority.id, organization.authorityId))
    .where(and(eq(organization.registrationNumber, registrationNumber), jurisdiction === undefined ? undefined : eq(organization.jurisdiction, jurisdiction)))
    .orderBy(asc(authority.slug), asc(organization.id));

/** No other organizations bear it than these. */
export const whileNoOtherRegistered = (chain: string, registrationNumber: string, jurisdiction: string, known: readonly { readonly id: string }[]): Statement =>
  onlyWhile(
    chain,
    'NOT EXISTS (SELECT 1 FROM organization WHERE registration_number = ? AND jurisdiction = ? AND id NOT IN (SELECT value FROM json_each(?)))',
    registrationNumber,
    jurisdiction,
    JSON.stringify(known.map(({ id }) => id)),
  );

/** No row that bears it is halted, wherever, but this one. */
export const whileNoneRegisteredHalted = (chain: string, registrationNumber: string, jurisdiction: string, but: string): Statement =>
  onlyWhile(
    chain,
    "NOT EXISTS (SELECT 1 FROM organization WHERE registration_number = ? AND jurisdiction = ? AND state = 'halted' AND id <> ?)",
    registrationNumber,
    jurisdiction,
    but,
  );
