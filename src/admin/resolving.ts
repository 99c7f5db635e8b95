import { z } from '@hono/zod-openapi';
import { type AnchorRow, checkAnchor, listAnchors, pinAnchor, unpinAnchor } from '../operations/resolving/anchors.js';
import { startCrawl } from '../operations/resolving/crawl.js';
import { type EntityView, evaluateEntity, explainEntity, getEntity, listEntities, readGraph } from '../operations/resolving/read-entities.js';
import { ENTITY_SOURCES, SNAPSHOT_STATES } from '../store/schema.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { jobSchema, pageOf, pageQuery, presentJob, findingsField, withFindings, seconds } from './wire.js';
import { rehearsed, write } from './write.js';

/** The wire of resolving: anchors, what a resolver has evaluated, the graph of a federation. */
const uri = z.string().min(1).max(2048);
const json = z.record(z.string(), z.unknown());

const newPin = z
  .strictObject({
    entity_id: uri,
    jwks: z.unknown().optional(),
    pem: z.string().max(65_536).optional(),
    thumbprints: z
      .array(z.string().min(1).max(100))
      .min(1)
      .max(64)
      .optional()
      .openapi({ description: 'RFC 7638 thumbprints compared through a second channel' }),
    note: z.string().max(500).optional(),
  })
  .openapi('NewAnchorPin', { description: 'Keys come from one of jwks, pem, thumbprints; for an authority of this deployment from none' });
const pinSchema = z
  .object({
    entity_id: z.string(),
    jwks: json.nullable(),
    note: z.string().nullable(),
    created_at: seconds,
    checked_at: seconds.nullable(),
    problem: z.string().nullable(),
    ...findingsField,
  })
  .openapi('AnchorPin', { description: '`jwks` is null for an authority of this deployment: its keys are read from the store' });
const presentPin = (row: AnchorRow): z.infer<typeof pinSchema> => ({
  entity_id: row.entityId,
  jwks: row.jwks && { keys: [...row.jwks.keys] },
  note: row.note,
  created_at: row.createdAt,
  checked_at: row.checkedAt,
  problem: row.problem,
});
const checkSchema = z
  .object({ entity_id: z.string(), ok: z.boolean(), added: z.array(z.string()), removed: z.array(z.string()), findings: z.array(json) })
  .openapi('AnchorCheck');

const snapshotSchema = z.object({
  trust_anchor: z.string(),
  state: z.enum(SNAPSHOT_STATES),
  error: z.string().nullable(),
  entity_types: z.array(z.string()),
  path: z.array(z.string()),
  trust_mark_types: z.array(z.string()),
  findings: z.array(json),
  exp: seconds.nullable(),
  evaluated_at: seconds,
});
const entitySchema = z
  .object({
    entity_id: z.string(),
    source: z.enum(ENTITY_SOURCES),
    entity_types: z.array(z.string()),
    about: json,
    authority_hints: z.array(z.string()),
    due_at: seconds,
    evaluated_at: seconds.nullable(),
    snapshots: z.array(snapshotSchema),
  })
  .openapi('KnownEntity');
const presentEntity = (row: EntityView): z.infer<typeof entitySchema> => ({
  entity_id: row.entityId,
  source: row.source,
  entity_types: [...row.entityTypes],
  about: row.about,
  authority_hints: [...row.superiors],
  due_at: row.dueAt,
  evaluated_at: row.evaluatedAt,
  snapshots: row.snapshots.map((one) => ({
    trust_anchor: one.trustAnchor,
    state: one.state,
    error: one.error,
    entity_types: [...one.entityTypes],
    path: [...one.path],
    trust_mark_types: [...one.trustMarkTypes],
    findings: one.findings.map((finding) => ({ ...finding })),
    exp: one.exp,
    evaluated_at: one.evaluatedAt,
  })),
});
const entityQuery = pageQuery.extend({
  trust_anchor: uri.optional().openapi({ description: 'The anchor that it was evaluated under' }),
  state: z.enum(SNAPSHOT_STATES).optional().openapi({ description: 'What the evaluation said' }),
  entity_type: z.string().max(200).optional().openapi({ description: 'An Entity Type that it has' }),
  trust_mark_type: uri.optional().openapi({ description: 'A type of mark that counts for it' }),
  source: z.enum(ENTITY_SOURCES).optional().openapi({ description: 'How it became known' }),
  q: z.string().min(1).max(200).optional().openapi({ description: 'Part of the identifier or of what the entity says of itself' }),
});
const explainBody = z.strictObject({ entity_id: uri, trust_anchor: uri.optional() }).openapi('ExplainInput');
const explained = z
  .object({
    entity_id: z.string(),
    under: z.array(json),
    steps: z.array(z.object({ what: z.string(), of: z.array(z.string()), findings: z.array(json) })),
  })
  .openapi('Explanation');
const graphQuery = pageQuery.extend({
  trust_anchor: uri.optional().openapi({ description: 'The anchor to look down from; the authority itself when absent' }),
});
const graphSchema = z
  .object({
    trust_anchor: z.string(),
    crawled_at: seconds.nullable(),
    nodes: z.array(json),
    edges: z.array(z.object({ from: z.string(), to: z.string() })),
    next_cursor: z.string().nullable(),
  })
  .openapi('Graph', { description: 'Edges go from the superior to the subordinate; crawled_at is null before the first crawl is done' });
const crawlBody = z.strictObject({ trust_anchor: uri.optional() }).openapi('CrawlInput');

const tag = 'Resolving';

export function resolvingEndpoints(app: AdminApp): void {
  anchorEndpoints(app, '/authorities/{slug}/anchors');
  const base = '/authorities/{slug}';
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/entities`,
      tag,
      summary: 'The entity collection: what this resolver has evaluated',
      query: entityQuery,
      response: pageOf(entitySchema),
    },
    async (c) => {
      const query = validQuery<z.infer<typeof entityQuery>>(c);
      const found = await listEntities(c.var.call, param(c, 'slug'), {
        ...query,
        trustAnchor: query.trust_anchor,
        entityType: query.entity_type,
        trustMarkType: query.trust_mark_type,
      });
      return c.json({ items: found.items.map(presentEntity), next_cursor: found.next });
    },
  );
  endpoint(
    app,
    { method: 'get', path: `${base}/entities/{entity}`, tag, summary: 'One entity with its evaluation under every anchor', response: entitySchema },
    async (c) => c.json(presentEntity(await getEntity(c.var.call, param(c, 'slug'), param(c, 'entity')))),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/entities/{entity}/evaluate`,
      tag,
      summary: 'Evaluate an entity now and store what is found',
      response: entitySchema,
      unrehearsed: 'POST …/explain evaluates an entity and stores nothing',
    },
    (c) => write(c, 200, presentEntity, (call) => evaluateEntity(call, param(c, 'slug'), param(c, 'entity'))),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/explain`,
      tag,
      summary: 'Evaluate any entity now and explain every step; changes nothing',
      body: explainBody,
      response: explained,
      reads: true,
    },
    async (c) => {
      const body = validJson<z.infer<typeof explainBody>>(c);
      const { under, steps } = await explainEntity(c.var.call, param(c, 'slug'), body.entity_id, body.trust_anchor);
      return c.json({
        entity_id: body.entity_id,
        under: under.map((verdict) => ({
          trust_anchor: verdict.trustAnchor,
          state: verdict.state,
          ...(verdict.state === 'valid'
            ? {
                exp: verdict.exp,
                metadata: verdict.metadata,
                trust_chain: verdict.trustChain,
                trust_marks: verdict.trustMarks,
              }
            : { findings: verdict.findings, ...(verdict.state === 'invalid' && { error: verdict.error }) }),
        })),
        steps,
      });
    },
  );
  endpoint(
    app,
    { method: 'get', path: `${base}/graph`, tag, summary: 'The federation below an anchor as nodes and edges', query: graphQuery, response: graphSchema },
    async (c) => {
      const query = validQuery<z.infer<typeof graphQuery>>(c);
      const found = await readGraph(c.var.call, param(c, 'slug'), { ...query, trustAnchor: query.trust_anchor });
      return c.json({
        trust_anchor: found.trustAnchor,
        crawled_at: found.crawledAt,
        nodes: found.items.map((node) => ({
          id: node.entityId,
          depth: node.depth,
          reached: node.reached,
          entity_types: node.entityTypes,
          about: node.about,
          state: node.state,
        })),
        edges: found.items.flatMap((node) => node.superiors.map((superior) => ({ from: superior, to: node.entityId }))),
        next_cursor: found.next,
      });
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/crawls`,
      tag,
      summary: 'Walk the federation below an anchor by listing and evaluate what is found; a job',
      body: crawlBody,
      bodyOptional: true,
      response: jobSchema,
      status: 201,
    },
    (c) => {
      const body = validJson<z.infer<typeof crawlBody>>(c);
      return write(c, 201, presentJob, (call) => startCrawl(call, param(c, 'slug'), body.trust_anchor));
    },
  );
}

function anchorEndpoints(app: AdminApp, base: string): void {
  endpoint(
    app,
    { method: 'get', path: base, tag, summary: 'Trust anchors this authority resolves under, besides itself', response: pageOf(pinSchema) },
    async (c) => c.json({ items: (await listAnchors(c.var.call, param(c, 'slug'))).map(presentPin), next_cursor: null }),
  );
  endpoint(
    app,
    { method: 'post', path: base, tag, summary: 'Pin an anchor’s keys; again: replace them', body: newPin, response: pinSchema, status: 201, waits: true },
    (c) => {
      const body = validJson<z.infer<typeof newPin>>(c);
      const input = { entityId: body.entity_id, jwks: body.jwks, pem: body.pem, thumbprints: body.thumbprints, note: body.note };
      return write(c, 201, withFindings(presentPin), (call) => pinAnchor(call, param(c, 'slug'), input));
    },
  );
  endpoint(
    app,
    { method: 'post', path: `${base}/{entity}/check`, tag, summary: 'Compare the pinned keys with the ones served now', response: checkSchema },
    async (c) => {
      const check = async () => {
        const { entityId, findings, added, removed } = await checkAnchor(c.var.call, param(c, 'slug'), param(c, 'entity'));
        return { entity_id: entityId, ok: findings.length === 0, added, removed, findings };
      };
      return c.var.call.rehearsal ? rehearsed(c, check) : c.json(await check());
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{entity}/unpin`,
      tag,
      summary: 'Trust an anchor no more; its snapshots go at once',
      response: z.object({ unpinned: z.boolean() }),
    },
    (c) =>
      write(
        c,
        200,
        () => ({ unpinned: true }),
        (call) => unpinAnchor(call, param(c, 'slug'), param(c, 'entity')),
      ),
  );
}
