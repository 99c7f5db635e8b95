import type { Deployment } from '../call.js';
import { findOwn, type Own } from './applicant.js';
import { type Thread, threadOf } from './thread.js';

export interface ShownOwn extends Own, Thread {}

/** An application for the applicant. @throws Refusal not_found */
export async function showOwn(deployment: Deployment, id: string, token: string): Promise<ShownOwn> {
  const own = await findOwn(deployment, id, token);
  return { ...own, ...(await threadOf(deployment.store.db, own.application.authorityId, id)) };
}
