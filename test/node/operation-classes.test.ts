import { expect, it } from 'vitest';
import { createAdminApp } from '../../src/admin/app.js';

/**
 * What each operation that writes does with trust. Whoever adds one says which: what widens takes the quorum (consent, answered
 * with 202), what cuts takes one person and waits for nobody.
 */
const CLASSES = {
  widening: [
    'PATCH /authorities/{slug}',
    'POST /authorities/{slug}/resume',
    'PATCH /authorities/{slug}/members/{id}',
    'POST /authorities/{slug}/members/{id}/approve',
    'POST /authorities/{slug}/members/{id}/resume',
    'PUT /authorities/{slug}/members/{id}/keys',
    'POST /authorities/{slug}/organizations/{organization}/resume',
    'PUT /authorities/{slug}/members/{id}/entitlements',
    'PATCH /authorities/{slug}/members/{id}/entitlements',
    'PATCH /authorities/{slug}/bundles/{name}',
    'POST /authorities/{slug}/bundles/{name}/end',
    'POST /authorities/{slug}/policies/{version}/publish',
    'POST /authorities/{slug}/policies/rollback',
    'PATCH /authorities/{slug}/mark-types/{type}',
    'POST /authorities/{slug}/mark-types/{type}/resume',
    'PUT /authorities/{slug}/mark-types/{type}/recognition',
    'POST /authorities/{slug}/mark-types/{type}/delegations',
    'POST /authorities/{slug}/marks',
    'POST /authorities/{slug}/members/{id}/hold/accept',
    'POST /authorities/{slug}/anchors',
    'POST /api-keys',
    'POST /people/{id}/roles',
    'PUT /authorities/{slug}/quorum',
    'PUT /authorities/{slug}/binding',
    'POST /approvals/{id}',
    'POST /authorities/{slug}/issuers',
    'PATCH /authorities/{slug}/issuers/{issuer}',
    'PUT /authorities/{slug}/admission',
    'PATCH /authorities/{slug}/agent-limits',
  ],
  cutting: [
    'POST /authorities/{slug}/halt',
    'POST /authorities/{slug}/retire',
    'POST /halts',
    'POST /authorities/{slug}/keys/{kid}/revoke',
    'POST /authorities/{slug}/members/{id}/refuse',
    'POST /authorities/{slug}/members/{id}/suspend',
    'POST /authorities/{slug}/members/{id}/revoke',
    'POST /authorities/{slug}/organizations/{organization}/halt',
    'POST /authorities/{slug}/mark-types/{type}/halt',
    'DELETE /authorities/{slug}/mark-types/{type}/recognition',
    'POST /authorities/{slug}/marks/{id}/withdraw',
    'POST /authorities/{slug}/issued-marks/{jti}/withdraw',
    'POST /authorities/{slug}/anchors/{entity}/unpin',
    'POST /api-keys/{id}/revoke',
    'POST /people/{id}/end',
    'POST /people/{id}/roles/{grant}/end',
    'POST /authorities/{slug}/accreditations/{accreditation}/withdraw',
    'POST /authorities/{slug}/applications/{application}/refuse',
    'POST /authorities/{slug}/issuers/{issuer}/end',
    'POST /authorities/{slug}/join-links/{link}/end',
    'POST /authorities/{slug}/software-statements/{jti}/revoke',
    'POST /authorities/{slug}/initial-access-tokens/{jti}/revoke',
  ],
  // It gives nobody trust who had none: it prepares, looks, signs again, or (enrolments, imports, configurations) is refused
  // where the quorum is 2 and it would. A clock and a restored history are confirmed by an owner of the deployment.
  neutral: [
    'POST /authorities',
    'POST /authorities/{slug}/agent-authorities',
    'POST /authorities/{slug}/keys',
    'POST /authorities/{slug}/keys/{kid}/stage',
    'POST /authorities/{slug}/keys/{kid}/activate',
    'POST /authorities/{slug}/keys/{kid}/retire',
    'POST /authorities/{slug}/members',
    'POST /authorities/{slug}/preflight',
    'POST /authorities/{slug}/members/{id}/take',
    'POST /authorities/{slug}/members/{id}/activate',
    'POST /authorities/{slug}/members/{id}/withdraw',
    'POST /authorities/{slug}/members/{id}/archive',
    'POST /authorities/{slug}/members/{id}/keys/adopt',
    'PUT /authorities/{slug}/members/{id}/configuration',
    'DELETE /authorities/{slug}/members/{id}/configuration',
    'POST /authorities/{slug}/organizations',
    'PATCH /authorities/{slug}/organizations/{organization}',
    'POST /authorities/{slug}/imports',
    'POST /authorities/{slug}/imports/{job}/lines',
    'POST /authorities/{slug}/imports/{job}/finish',
    'POST /authorities/{slug}/jobs/{job}/cancel',
    'POST /authorities/{slug}/bundles',
    'POST /authorities/{slug}/bundles/{name}/impact',
    'POST /authorities/{slug}/policies',
    'POST /authorities/{slug}/policies/check',
    'POST /authorities/{slug}/policies/preview',
    'POST /authorities/{slug}/mark-types',
    'POST /authorities/{slug}/own-marks',
    'POST /authorities/{slug}/own-marks/hide',
    'POST /authorities/{slug}/policies/{version}/impact',
    'POST /authorities/{slug}/policies/{version}/report',
    'POST /authorities/{slug}/policies/{version}/end-report',
    'POST /authorities/{slug}/members/{id}/hold/dismiss',
    'POST /authorities/{slug}/anchors/{entity}/check',
    'POST /authorities/{slug}/entities/{entity}/evaluate',
    'POST /authorities/{slug}/explain',
    'POST /authorities/{slug}/crawls',
    'POST /authorities/{slug}/audit-keys/rotate',
    'POST /authorities/{slug}/events/{seq}/erase',
    'POST /events/{seq}/erase',
    'POST /clock/confirm',
    'POST /members/reindex',
    'POST /restore/confirm',
    'POST /people',
    'POST /authorities/{slug}/members/{id}/keys/challenges',
    'POST /authorities/{slug}/members/{id}/keys/proofs',
    'POST /authorities/{slug}/members/{id}/keys/{key}/confirm',
    // What is added counts for nothing until another person than who added it, or its evidence, verifies it.
    'POST /authorities/{slug}/accreditations',
    'POST /authorities/{slug}/accreditations/{accreditation}/renew',
    'POST /authorities/{slug}/accreditations/{accreditation}/verify',
    'POST /authorities/{slug}/evidence',
    'POST /authorities/{slug}/evidence/uploads',
    'POST /authorities/{slug}/evidence/{evidence}/review',
    // That a sponsor still answers for what was decided before.
    'PUT /authorities/{slug}/members/{id}/sponsor',
    'POST /authorities/{slug}/members/{id}/reattest',
    // What was decided about the member, said again and no more of it.
    'POST /authorities/{slug}/members/{id}/software-statements',
    'POST /authorities/{slug}/members/{id}/initial-access-tokens',
    // Whoever applies is decided about as a member.
    'POST /authorities/{slug}/join-links',
    'POST /authorities/{slug}/applications/{application}/take',
    'POST /authorities/{slug}/applications/{application}/ask',
    'POST /authorities/{slug}/applications/{application}/erase',
  ],
} as const;

it('registry §3: every operation that writes is widening, cutting or neutral; just what widens waits for a second person', async () => {
  const app = createAdminApp(() => Promise.reject(new Error('not asked')));
  const { paths } = (await (await app.request('/admin/v1/openapi.json')).json()) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: object }>>>>;
  };
  const written = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => method !== 'get')
      .map(([method, { responses }]) => ({ name: `${method.toUpperCase()} ${path}`, waits: '202' in responses })),
  );
  const names = written.map(({ name }) => name.replace(/ \/admin\/v1/, ' ')).sort();
  expect(Object.values(CLASSES).flat().sort(), 'an operation without a class, or with two').toEqual(names);
  const waiting = written.filter(({ waits }) => waits).map(({ name }) => name.replace(/ \/admin\/v1/, ' '));
  expect(waiting.sort()).toEqual([...CLASSES.widening].sort());
});
