import { z } from '@hono/zod-openapi';
import type { IssuerEdit } from '../operations/issuers/edit-issuers.js';
import { listIssuers, setIssuer, setIssuerById, showIssuer, type ShownIssuer } from '../operations/issuers/set-issuer.js';
import { MEMBER_STATES } from '../store/schema.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { namespaceList, pageOf, pageQuery, reason, reasonCode, shownNamespaces } from './wire.js';
import { write } from './write.js';

const v = z.number().int().optional().openapi({ description: 'The version of the member that you saw; refused when it is another one by now' });
const kind = z.string().max(250).openapi({ description: 'id_jag, workload_grant, attester, or a URI', example: 'id_jag' });
const url = z.string().max(2048);
const newIssuer = z
  .strictObject({
    member: z.string().openapi({ description: 'Who stands for it: our id, or the entity identifier' }),
    kind,
    issuer: url.optional().openapi({ description: 'Left out: the member itself' }),
    jwks_uri: url.optional().openapi({ description: 'Where the keys lie of an issuer that is not the member itself' }),
    namespaces: namespaceList,
    v,
  })
  .openapi('NewIssuer', {
    example: { member: 'https://idp.example.org', kind: 'id_jag', namespaces: [{ type: 'email_domain', value: 'example.org' }] },
  });
const issuerChange = z
  .strictObject({ namespaces: namespaceList.optional(), jwks_uri: url.optional(), reason: reason.optional(), v })
  .refine(({ namespaces, jwks_uri: keys }) => namespaces !== undefined || keys !== undefined, 'say what changes: namespaces or jwks_uri')
  .openapi('IssuerChange', { example: { namespaces: [{ type: 'email_domain', value: 'example.org', subdomains: true }] } });
const issuerEnd = z.strictObject({ reason, reason_code: reasonCode, v }).openapi('IssuerEnd');
const issuerSchema = z
  .object({
    id: z.string(),
    state: z.enum(['vouched', 'ended']),
    member: z.string(),
    entity_id: z.string(),
    member_state: z.enum(MEMBER_STATES).openapi({ description: 'It is in force, and said to anyone, while this is active' }),
    kind: z.string(),
    issuer: z.string(),
    jwks_uri: z.string().nullable(),
    namespaces: shownNamespaces,
    v: z.number().int().openapi({ description: 'The version of the member' }),
  })
  .openapi('VouchedIssuer');
const present = ({ member, issuer, ended }: ShownIssuer): z.infer<typeof issuerSchema> => ({
  id: issuer.id,
  state: ended ? 'ended' : 'vouched',
  member: member.id,
  entity_id: member.entityId,
  member_state: member.state,
  kind: issuer.kind,
  issuer: issuer.issuer,
  jwks_uri: issuer.jwks_uri ?? null,
  namespaces: issuer.namespaces.map((one) => ({ ...one })),
  v: member.v,
});
const issuerQuery = pageQuery.extend({ kind: kind.optional() });

/** Issuers that members stand for, and for whom each may speak. */
export function issuerEndpoints(app: AdminApp): void {
  const tag = 'Issuers' as const;
  const base = '/authorities/{slug}/issuers';
  const about = {
    tag,
    response: issuerSchema,
    waits: true,
    description: 'It is said in the statement about the member. What widens an active member takes the quorum; what narrows takes one person.',
  };
  endpoint(
    app,
    { method: 'get', path: base, tag, summary: 'Issuers that members stand for', query: issuerQuery, response: pageOf(issuerSchema) },
    async (c) => {
      const { items, next } = await listIssuers(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof issuerQuery>>(c));
      return c.json({ items: items.map(present), next_cursor: next });
    },
  );
  endpoint(app, { method: 'post', path: base, summary: 'Vouch for an issuer of a member', body: newIssuer, status: 201, ...about }, (c) => {
    const { member, v: version, ...add } = validJson<z.infer<typeof newIssuer>>(c);
    return write(c, 201, present, (call) => setIssuer(call, param(c, 'slug'), member, { add } as IssuerEdit, { version }));
  });
  endpoint(app, { method: 'get', path: `${base}/{issuer}`, tag, summary: 'One issuer', response: issuerSchema }, async (c) =>
    c.json(present(await showIssuer(c.var.call, param(c, 'slug'), param(c, 'issuer')))),
  );
  endpoint(app, { method: 'patch', path: `${base}/{issuer}`, summary: 'Say for whom an issuer may speak, all of it', body: issuerChange, ...about }, (c) => {
    const { v: version, ...wanted } = validJson<z.infer<typeof issuerChange>>(c);
    return write(c, 200, present, (call) => setIssuerById(call, param(c, 'slug'), { change: param(c, 'issuer'), ...wanted }, { version }));
  });
  endpoint(
    app,
    { method: 'post', path: `${base}/{issuer}/end`, summary: 'End it: the issuer speaks for nobody any more', body: issuerEnd, ...about, waits: false },
    (c) => {
      const { v: version, reason: why, reason_code: code } = validJson<z.infer<typeof issuerEnd>>(c);
      return write(c, 200, present, (call) => setIssuerById(call, param(c, 'slug'), { end: param(c, 'issuer'), reason: why }, { version, reasonCode: code }));
    },
  );
}
