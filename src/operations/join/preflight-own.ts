import type { Deployment } from '../call.js';
import type { Preflight } from '../explorer.js';
import { Refusal } from '../refusal.js';
import { findOwn } from './applicant.js';
import { keysNotPublished } from './clean.js';
import { pacePreflight } from './pace.js';
import { isOpen, standsAt } from './standing.js';

/**
 * What an applicant publishes, by the rules of the authority; changes nothing and says nothing about others.
 * @throws Refusal not_found, wrong_state, temporarily_unavailable
 * @throws TooMany
 */
export async function preflightOwn(deployment: Deployment, id: string, token: string): Promise<Preflight> {
  const own = await findOwn(deployment, id, token);
  if (!isOpen(own)) throw new Refusal('wrong_state', `this application is ${standsAt(own)}`);
  await pacePreflight(deployment, id);
  const { entityId, requested } = own.application;
  const report = await deployment.explorer.ask('preflight', { slug: own.authority.slug, entityId, configuration: undefined, profile: undefined, own: true });
  return { ...report, findings: [...report.findings, ...(await keysNotPublished(requested.jwks, report.jwks))] };
}
