import { eq } from 'drizzle-orm';
import type { JoinLinkRow } from '../../store/applications.js';
import { authority } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import { Refusal } from '../refusal.js';
import type { AuthorityRow } from '../registry.js';
import { expectOpen, findLink } from './find-link.js';

export interface Offer {
  readonly link: JoinLinkRow;
  readonly authority: AuthorityRow;
}

/** What a link offers, for whoever was given it. @throws Refusal not_found, join_link_ended */
export async function showLink({ store: { db }, now }: Deployment, id: string): Promise<Offer> {
  const link = await findLink(db, undefined, id);
  const [of] = await db.select().from(authority).where(eq(authority.id, link.authorityId)).limit(1);
  if (!of) throw new Refusal('not_found', 'there is no such join link');
  expectOpen(link, now());
  return { link, authority: of };
}
