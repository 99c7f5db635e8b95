import { z } from '@hono/zod-openapi';
import type { JWK } from 'jose';
import { changeAuthority, createAuthority } from '../operations/authorities/authorities.js';
import { activateKey } from '../operations/keys/activate-key.js';
import { createKey } from '../operations/keys/create-key.js';
import { retireKey } from '../operations/keys/retire-key.js';
import { type Revoked, revokeKey } from '../operations/keys/revoke-key.js';
import { stageKey } from '../operations/keys/stage-key.js';
import { type ShownAuthority, showAuthority } from '../operations/authorities/show-authority.js';
import { checkAuthority } from '../operations/authorities/check-authority.js';
import { allow } from '../operations/call.js';
import { listAuthorities } from '../operations/read.js';
import { authorityKeys, findAuthority } from '../operations/registry.js';
import { WITHHELD } from '../store/schema.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { authorityChange, authorityInput, authoritySchema, keySchema, newAuthority, newKey, pageOf, presentAuthority, presentKey, seconds } from './wire.js';
import { write } from './write.js';

const retirement = z
  .strictObject({ force: z.boolean().optional(), reason: z.string().trim().min(1).max(500).optional() })
  .refine(({ force, reason }) => !force || reason !== undefined, 'force needs a reason')
  .openapi('KeyRetirement');
const activation = z.strictObject({ force: z.boolean().optional(), reason: z.string().min(1).max(500).optional() }).openapi('KeyActivation');
const revocation = z
  .strictObject({ reason: z.string().openapi({ description: 'unspecified, compromised or superseded, spelled exactly (OpenID Federation 1.0 §8.7.3)' }) })
  .openapi('KeyRevocation');

const revokedSchema = keySchema
  .extend({
    foreign_superiors: z
      .array(z.string())
      .openapi({ description: 'Superiors of other operators, which may still list the key: tell them to remove it and to add the new one' }),
  })
  .openapi('RevokedKey');
const presentRevoked = (row: Revoked): z.infer<typeof revokedSchema> => ({ ...presentKey(row), foreign_superiors: [...(row.foreignSuperiors ?? [])] });

const shownSchema = authoritySchema
  .extend({
    members: z.record(z.string(), z.number().int()).openapi({ description: 'How many there are in each state' }),
    keys: z.array(keySchema).openapi({ description: 'All keys, past ones included' }),
    policy_version: z.number().int().nullable().openapi({ description: 'The policy in force' }),
    configuration: z
      .object({ iat: seconds, exp: seconds.nullable(), kid: z.string(), withheld: z.enum(WITHHELD).nullable() })
      .nullable()
      .openapi({ description: 'The Entity Configuration that is published; withheld: why it is not served (503) until it is signed anew' }),
  })
  .openapi('ShownAuthority');
const presentShown = ({ row, members, keys, policyVersion, configuration }: ShownAuthority): z.infer<typeof shownSchema> => ({
  ...presentAuthority(row),
  members: { ...members },
  keys: keys.map(presentKey),
  policy_version: policyVersion,
  configuration,
});

const checkQuery = z.object({ profile: z.string().max(60).default('base').openapi({ description: 'The name of a profile' }) });
const checkSchema = z.object({ profile: z.string(), ok: z.boolean(), findings: z.array(z.record(z.string(), z.unknown())) }).openapi('AuthorityCheck');

export function authorityEndpoints(app: AdminApp): void {
  const tag = 'Authorities';
  endpoint(app, { method: 'get', path: '/authorities', tag, summary: 'List authorities', response: pageOf(authoritySchema) }, async (c) => {
    return c.json({ items: (await listAuthorities(c.var.call)).map(presentAuthority), next_cursor: null });
  });
  endpoint(
    app,
    {
      method: 'post',
      path: '/authorities',
      tag,
      summary: 'Create an authority with its first key',
      body: newAuthority,
      response: authoritySchema,
      status: 201,
    },
    (c) => {
      const body = validJson<z.infer<typeof newAuthority>>(c);
      return write(c, 201, presentAuthority, (call) =>
        createAuthority(call, { ...authorityInput(body), slug: body.slug, entityId: body.entity_id, keyAlg: body.key_alg }),
      );
    },
  );
  endpoint(
    app,
    {
      method: 'get',
      path: '/authorities/{slug}',
      tag,
      summary: 'One authority: settings, keys, policy in force, published configuration, members by state',
      response: shownSchema,
    },
    async (c) => c.json(presentShown(await showAuthority(c.var.call, param(c, 'slug')))),
  );
  endpoint(
    app,
    {
      method: 'patch',
      path: '/authorities/{slug}',
      tag,
      summary: 'Change settings; the configuration is signed anew at once',
      body: authorityChange,
      response: authoritySchema,
      waits: true,
    },
    (c) => {
      const body = validJson<z.infer<typeof authorityChange>>(c);
      return write(c, 200, presentAuthority, (call) => changeAuthority(call, param(c, 'slug'), { ...authorityInput(body), version: body.v }));
    },
  );
  endpoint(
    app,
    {
      method: 'get',
      path: '/authorities/{slug}/check',
      tag,
      summary: 'Check an authority against a profile: what it publishes and how it is run; changes nothing',
      query: checkQuery,
      response: checkSchema,
    },
    async (c) => {
      const { profile } = validQuery<z.infer<typeof checkQuery>>(c);
      const findings = await checkAuthority(c.var.call, param(c, 'slug'), profile);
      return c.json({ profile, ok: findings.every(({ severity }) => severity !== 'error'), findings: findings.map((one) => ({ ...one })) });
    },
  );
}

export function keyEndpoints(app: AdminApp): void {
  const tag = 'Keys';
  const base = '/authorities/{slug}/keys';
  endpoint(app, { method: 'get', path: base, tag, summary: 'All keys of an authority, past ones included', response: pageOf(keySchema) }, async (c) => {
    allow(c.var.call, 'read', param(c, 'slug'));
    const { id } = await findAuthority(c.var.call.store.db, param(c, 'slug'));
    return c.json({ items: (await authorityKeys(c.var.call.store.db, id)).map(presentKey), next_cursor: null });
  });
  endpoint(
    app,
    {
      method: 'post',
      path: base,
      tag,
      summary: 'Generate or import a key; it is published as staged unless told otherwise',
      body: newKey,
      response: keySchema,
      status: 201,
    },
    (c) => {
      const { alg, jwk, pem, stage } = validJson<z.infer<typeof newKey>>(c);
      return write(c, 201, presentKey, (call) => createKey(call, param(c, 'slug'), { alg, secret: (jwk as JWK | undefined) ?? pem, stage }));
    },
  );
  endpoint(app, { method: 'post', path: `${base}/{kid}/stage`, tag, summary: 'Publish a key that is not signing yet', response: keySchema }, (c) =>
    write(c, 200, presentKey, (call) => stageKey(call, param(c, 'slug'), param(c, 'kid'))),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{kid}/activate`,
      tag,
      summary: 'Sign with this key from now on; the one before retires',
      description:
        'Refused until the key has been published for a configuration lifetime, and, under a superior, until every valid statement of the superior lists it (§11.2).',
      body: activation,
      bodyOptional: true,
      response: keySchema,
    },
    (c) => {
      const { force, reason } = validJson<z.infer<typeof activation>>(c);
      return write(c, 200, presentKey, (call) => activateKey(call, param(c, 'slug'), param(c, 'kid'), { force: force === true, reason }));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{kid}/retire`,
      tag,
      summary: 'Take a retiring key out of the configuration; it stays among the historical keys',
      description:
        'Refused while anything it signed can still be valid. `force` does so all the same: what it signed can then only be judged with the historical keys.',
      body: retirement,
      bodyOptional: true,
      response: keySchema,
    },
    (c) => {
      const { force, reason } = validJson<z.infer<typeof retirement>>(c);
      return write(c, 200, presentKey, (call) => retireKey(call, param(c, 'slug'), param(c, 'kid'), { force: force === true, reason }));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{kid}/revoke`,
      tag,
      summary:
        'Revoke a key with a reason; nothing it signed is served any more, after "compromised" no member, pinned anchor or owner of a trust mark type here has it either',
      body: revocation,
      response: revokedSchema,
    },
    (c) => {
      const { reason } = validJson<z.infer<typeof revocation>>(c);
      return write(c, 200, presentRevoked, (call) => revokeKey(call, param(c, 'slug'), param(c, 'kid'), reason));
    },
  );
}
