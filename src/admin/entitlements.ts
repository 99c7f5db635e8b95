import { z } from '@hono/zod-openapi';
import {
  type BundleChange,
  type ChangedBundle,
  changeBundle,
  createBundle,
  listBundles,
  rehearseBundle,
  type ShownBundle,
  showBundle,
} from '../operations/entitlements/bundles.js';
import { expectList } from '../operations/entitlements/check-entitled.js';
import {
  type EntitlementsChange,
  rehearseEntitlements,
  setEntitlements,
  showEntitlements,
  type ShownEntitlements,
} from '../operations/entitlements/set-entitlements.js';
import { EFFECTS, readImpact, startImpact } from '../operations/policies/policy-impact.js';
import { BUNDLE_STATES } from '../store/schema.js';
import { type AdminApp, type AdminContext, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import {
  bundleNames,
  entitlementList,
  findingsField,
  jobSchema,
  pageOf,
  pageQuery,
  presentEntitlements,
  presentJob,
  reason,
  seconds,
  shownEntitlements,
} from './wire.js';
import { write } from './write.js';

const metadata = z.record(z.string(), z.unknown()).nullable();
const v = z.number().int().optional().openapi({ description: 'The version you saw; refused when it is another one by now' });

const setBody = z.strictObject({ entitlements: entitlementList.nullable(), bundles: bundleNames.optional(), v }).openapi('Entitlements', {
  description: 'The whole list; null: nothing limits it but its bundles',
  example: { entitlements: [{ kind: 'scope', value: 'accounts:read' }], bundles: ['read-only'] },
});
const lists = z.strictObject({ entitlements: entitlementList.optional(), bundles: bundleNames.optional() });
const editBody = z
  .strictObject({ add: lists.optional(), remove: lists.optional(), v })
  .refine(({ add, remove }) => add !== undefined || remove !== undefined, 'say what to add or to remove')
  .openapi('EntitlementsChange', { example: { add: { bundles: ['read-only'] }, remove: { entitlements: [{ kind: 'scope', value: 'admin' }] } } });
const wouldWait = z.literal(1).optional().openapi({ description: 'Of a dry run: it would wait for a second person (quorum 2)' });
const entitlementsSchema = z
  .object({
    member: z.string(),
    entity_id: z.string(),
    entitlements: shownEntitlements.nullable(),
    bundles: bundleNames,
    effective: shownEntitlements.nullable().openapi({ description: 'With what bundles give; null: nothing limits it' }),
    entitlement_version: z.number().int(),
    v: z.number().int(),
    preview: z
      .object({ before: metadata, after: metadata, widens: z.boolean() })
      .optional()
      .openapi({ description: "Of a dry run: the client's metadata, as this authority's statement leaves it; null: it breaks" }),
    waiting_for: wouldWait,
    ...findingsField,
  })
  .openapi('MemberEntitlements');
const present = ({ member, effective, findings, preview, waits }: ShownEntitlements): z.infer<typeof entitlementsSchema> => ({
  member: member.id,
  entity_id: member.entityId,
  entitlements: presentEntitlements(member.entitlements),
  bundles: [...member.bundles],
  effective: presentEntitlements(effective),
  entitlement_version: member.entitlementVersion,
  v: member.v,
  ...(preview && {
    preview: { before: preview.before && { ...preview.before }, after: preview.after && { ...preview.after }, widens: preview.widens },
  }),
  ...(waits && { waiting_for: 1 as const }),
  findings: findings.map((one) => ({ ...one })),
});

const description = z.string().trim().min(1).max(500);
const newBundle = z
  .strictObject({ name: z.string().max(100), description: description.optional(), entitlements: entitlementList })
  .openapi('NewBundle', { example: { name: 'read-only', entitlements: [{ kind: 'scope', value: 'accounts:read' }] } });
const bundleBody = z.strictObject({ description: description.nullable().optional(), entitlements: entitlementList.optional(), v }).openapi('BundleChange');
const endBody = z.strictObject({ reason, v }).openapi('BundleEnd');
const impactBody = z.strictObject({ entitlements: entitlementList }).openapi('BundleImpactInput');
const bundleSchema = z
  .object({
    name: z.string(),
    state: z.enum(BUNDLE_STATES),
    description: z.string().nullable(),
    entitlements: shownEntitlements,
    members: z.number().int().openapi({ description: 'How many that have not ended have it' }),
    active: z.number().int().openapi({ description: 'How many of them are active' }),
    created_at: seconds,
    updated_at: seconds,
    v: z.number().int(),
    job: z.string().nullable().optional().openapi({ description: 'Signs the statements anew; null: none has to be' }),
    widens: z.boolean().optional().openapi({ description: 'Members may get something that they could not have before' }),
    waiting_for: wouldWait,
  })
  .openapi('Bundle');
const presentBundle = ({ bundle, holders }: ShownBundle): z.infer<typeof bundleSchema> => ({
  name: bundle.name,
  state: bundle.state,
  description: bundle.description,
  entitlements: presentEntitlements(bundle.entitlements) ?? [],
  members: holders.all,
  active: holders.active,
  created_at: bundle.createdAt,
  updated_at: bundle.updatedAt,
  v: bundle.v,
});
const presentChanged = (changed: ChangedBundle): z.infer<typeof bundleSchema> => ({
  ...presentBundle(changed),
  job: changed.jobId,
  widens: changed.widens,
  ...(changed.waits && { waiting_for: 1 as const }),
});
const impactQuery = pageQuery.extend({ effect: z.enum(EFFECTS).optional().openapi({ description: 'Only members of whom that becomes' }) });
const impactSchema = z
  .object({
    job: jobSchema,
    counts: z.record(z.string(), z.number().int()),
    items: z.array(z.object({ entity_id: z.string().nullable(), effect: z.string(), detail: z.string() })),
    next_cursor: z.string().nullable(),
  })
  .openapi('BundleImpact');

/** What members may ask for as clients, and bundles of it. */
export function entitlementEndpoints(app: AdminApp): void {
  const tag = 'Entitlements' as const;
  const base = '/authorities/{slug}/members/{id}/entitlements';
  endpoint(app, { method: 'get', path: base, tag, summary: 'What a member may ask for as a client', response: entitlementsSchema }, async (c) =>
    c.json(present(await showEntitlements(c.var.call, param(c, 'slug'), param(c, 'id')))),
  );
  const change = (c: AdminContext, wanted: EntitlementsChange) =>
    write(c, 200, present, (call) => (call.rehearsal ? rehearseEntitlements : setEntitlements)(call, param(c, 'slug'), param(c, 'id'), wanted));
  const about = {
    tag,
    response: entitlementsSchema,
    waits: true,
    description:
      'It becomes metadata policy in the statement about the member, for oauth_client and openid_relying_party. What widens an active member takes the quorum; what narrows takes one person.',
  };
  endpoint(app, { method: 'put', path: base, summary: 'Say all that a member may ask for', body: setBody, ...about }, (c) => {
    const { v: version, ...set } = validJson<z.infer<typeof setBody>>(c);
    return change(c, { set, version });
  });
  endpoint(app, { method: 'patch', path: base, summary: 'Add entitlements and bundles to a member, or take some away', body: editBody, ...about }, (c) => {
    const { v: version, ...edit } = validJson<z.infer<typeof editBody>>(c);
    return change(c, { ...edit, version });
  });
  bundleEndpoints(app, tag);
}

function bundleEndpoints(app: AdminApp, tag: 'Entitlements'): void {
  const base = '/authorities/{slug}/bundles';
  endpoint(app, { method: 'get', path: base, tag, summary: 'Bundles of entitlements', response: pageOf(bundleSchema) }, async (c) =>
    c.json({ items: (await listBundles(c.var.call, param(c, 'slug'))).map(presentBundle), next_cursor: null }),
  );
  endpoint(app, { method: 'post', path: base, tag, summary: 'Make a bundle; nobody has it yet', body: newBundle, response: bundleSchema, status: 201 }, (c) =>
    write(c, 201, presentBundle, (call) => createBundle(call, param(c, 'slug'), validJson<z.infer<typeof newBundle>>(c))),
  );
  endpoint(app, { method: 'get', path: `${base}/{name}`, tag, summary: 'One bundle', response: bundleSchema }, async (c) =>
    c.json(presentBundle(await showBundle(c.var.call, param(c, 'slug'), param(c, 'name')))),
  );
  const change = (c: AdminContext, wanted: BundleChange) =>
    write(c, 200, presentChanged, (call) => (call.rehearsal ? rehearseBundle : changeBundle)(call, param(c, 'slug'), param(c, 'name'), wanted));
  endpoint(
    app,
    {
      method: 'patch',
      path: `${base}/{name}`,
      tag,
      summary: 'Change a bundle, for all that have it',
      description:
        'Statements are signed anew as a job; those that say too much are not served (503) until they are. What widens takes the quorum while anybody has it.',
      body: bundleBody,
      response: bundleSchema,
      waits: true,
    },
    (c) => {
      const { v: version, ...wanted } = validJson<z.infer<typeof bundleBody>>(c);
      return change(c, { ...wanted, version });
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{name}/end`,
      tag,
      summary: 'End a bundle: it gives nothing any more',
      body: endBody,
      response: bundleSchema,
      waits: true,
    },
    (c) => {
      const { v: version, reason: why } = validJson<z.infer<typeof endBody>>(c);
      return change(c, { end: true, reason: why, version });
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{name}/impact`,
      tag,
      summary: 'Replay another content of a bundle against the metadata of all that have it, as a job',
      body: impactBody,
      response: jobSchema,
      status: 201,
    },
    (c) => {
      const entitlements = expectList(validJson<z.infer<typeof impactBody>>(c).entitlements);
      return write(c, 201, presentJob, (call) => startImpact(call, param(c, 'slug'), { bundle: param(c, 'name'), entitlements }));
    },
  );
  endpoint(
    app,
    { method: 'get', path: `${base}/{name}/impact`, tag, summary: 'What the last replay of a bundle has found', query: impactQuery, response: impactSchema },
    async (c) => {
      const found = await readImpact(c.var.call, param(c, 'slug'), { bundle: param(c, 'name') }, validQuery<z.infer<typeof impactQuery>>(c));
      const items = found.items.map(({ entityId, code, detail }) => ({ entity_id: entityId, effect: code, detail }));
      return c.json({ job: presentJob(found.job), counts: found.counts, items, next_cursor: found.next });
    },
  );
}
