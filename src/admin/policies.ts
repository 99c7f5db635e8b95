import { z } from '@hono/zod-openapi';
import { allow } from '../operations/call.js';
import {
  draftPolicy,
  findPolicy,
  policyFindings,
  previewPolicy,
  type Publication,
  publishPolicy,
  reportPolicy,
  rollbackPolicy,
} from '../operations/policies/policies.js';
import { isError } from '../operations/judged.js';
import { EFFECTS, readImpact, startImpact } from '../operations/policies/policy-impact.js';
import { listPolicies } from '../operations/read.js';
import { Refusal } from '../operations/refusal.js';
import { findAuthority } from '../operations/registry.js';
import type { Metadata } from '../federation/entry.js';
import { type AdminApp, type AdminContext, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import {
  jobSchema,
  pageOf,
  pageQuery,
  policyBody,
  policyInput,
  policySchema,
  presentJob,
  presentPolicy,
  previewBody,
  findingsField,
  withFindings,
} from './wire.js';
import { write } from './write.js';

const checked = z.object({ ok: z.boolean(), findings: z.array(z.record(z.string(), z.unknown())) }).openapi('PolicyCheck');
const preview = z
  .object({
    before: z.record(z.string(), z.unknown()),
    after: z.record(z.string(), z.unknown()).nullable(),
    findings: z.array(z.record(z.string(), z.unknown())),
  })
  .openapi('PolicyPreview');
const publication = z.object({ policy: policySchema, job: z.string().nullable(), ...findingsField }).openapi('PolicyPublication');

const acceptance = z.strictObject({ accept_breaks: z.boolean().optional(), accept_unknown: z.boolean().optional() }).openapi('PolicyAcceptance');
const impactQuery = pageQuery.extend({ effect: z.enum(EFFECTS).optional().openapi({ description: 'Only members of whom that becomes' }) });
const impactSchema = z
  .object({
    job: jobSchema,
    against: z.number().int().nullable(),
    counts: z.record(z.string(), z.number().int()),
    items: z.array(z.object({ entity_id: z.string().nullable(), effect: z.string(), detail: z.string() })),
    next_cursor: z.string().nullable(),
  })
  .openapi('PolicyImpact');

function version(c: AdminContext): number {
  const text = param(c, 'version');
  if (!/^\d{1,9}$/.test(text)) throw new Refusal('not_found', 'there is no such policy version');
  return Number(text);
}

/** Policies and constraints of an authority: drafted, checked, previewed, published as a visible job. */
export function policyEndpoints(app: AdminApp): void {
  const tag = 'Policies';
  const base = '/authorities/{slug}/policies';
  endpoint(app, { method: 'get', path: base, tag, summary: 'All versions, newest first', query: pageQuery, response: pageOf(policySchema) }, async (c) => {
    const found = await listPolicies(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof pageQuery>>(c));
    return c.json({ items: found.items.map(presentPolicy), next_cursor: found.next });
  });
  endpoint(
    app,
    {
      method: 'post',
      path: base,
      tag,
      summary: 'Draft a new version; nothing is published',
      description: "A policy that contradicts itself or its superior's is refused with the reason.",
      body: policyBody,
      response: policySchema,
      status: 201,
    },
    (c) => {
      const body = validJson<z.infer<typeof policyBody>>(c);
      return write(c, 201, withFindings(presentPolicy), (call) => draftPolicy(call, param(c, 'slug'), policyInput(body)));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/check`,
      tag,
      summary: "Check a policy against itself and the superiors'; changes nothing",
      body: policyBody,
      response: checked,
      reads: true,
    },
    async (c) => {
      allow(c.var.call, 'read', param(c, 'slug'));
      const row = await findAuthority(c.var.call.store.db, param(c, 'slug'));
      const findings = await policyFindings(c.var.call, row, policyInput(validJson<z.infer<typeof policyBody>>(c)));
      return c.json({ ok: !findings.some(isError), findings });
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/preview`,
      tag,
      summary: "What a policy would do to one member's metadata; changes nothing",
      body: previewBody,
      response: preview,
      reads: true,
    },
    async (c) => {
      const body = validJson<z.infer<typeof previewBody>>(c);
      return c.json(await previewPolicy(c.var.call, param(c, 'slug'), body.member, policyInput(body), body.metadata as Metadata | undefined));
    },
  );
  endpoint(app, { method: 'get', path: `${base}/{version}`, tag, summary: 'One version', response: policySchema }, async (c) => {
    allow(c.var.call, 'read', param(c, 'slug'));
    const { id } = await findAuthority(c.var.call.store.db, param(c, 'slug'));
    return c.json(presentPolicy(await findPolicy(c.var.call, id, version(c))));
  });
  const published = withFindings(({ policy, jobId }: Publication) => ({ policy: presentPolicy(policy), job: jobId }));
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{version}/publish`,
      tag,
      summary: 'Put a version in force; every statement is signed anew as a job',
      description:
        'Refused when the last impact of this version says that it breaks members, or does not count any more (a day old, another version in force, members came or changed), unless accept_breaks is true; also when it could not judge members that were never reached, unless accept_unknown is true.',
      body: acceptance,
      bodyOptional: true,
      response: publication,
      waits: true,
    },
    (c) => {
      const { accept_breaks: acceptBreaks = false, accept_unknown: acceptUnknown = false } = validJson<z.infer<typeof acceptance>>(c);
      return write(c, 200, published, (call) => publishPolicy(call, param(c, 'slug'), version(c), { acceptBreaks, acceptUnknown }));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/rollback`,
      tag,
      summary: 'Publish the version again that the one in force has replaced',
      response: publication,
      waits: true,
    },
    (c) => write(c, 200, published, (call) => rollbackPolicy(call, param(c, 'slug'))),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{version}/impact`,
      tag,
      summary: "Replay a version against every member's current metadata; a job",
      response: jobSchema,
      status: 201,
    },
    (c) => write(c, 201, presentJob, (call) => startImpact(call, param(c, 'slug'), { version: version(c) })),
  );
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/{version}/impact`,
      tag,
      summary: 'Whom a version changes and breaks, and why: counts first, then the members',
      query: impactQuery,
      response: impactSchema,
    },
    async (c) => {
      const found = await readImpact(c.var.call, param(c, 'slug'), { version: version(c) }, validQuery<z.infer<typeof impactQuery>>(c));
      return c.json({
        job: presentJob(found.job),
        against: found.against,
        counts: found.counts,
        items: found.items.map(({ entityId, code, detail }) => ({ entity_id: entityId, effect: code, detail })),
        next_cursor: found.next,
      });
    },
  );
  for (const on of [true, false])
    endpoint(
      app,
      {
        method: 'post',
        path: `${base}/{version}/${on ? 'report' : 'end-report'}`,
        tag,
        summary: on ? 'Begin a report-only period: members it would break get a finding, nothing is published' : 'End the report-only period',
        response: policySchema,
      },
      (c) => write(c, 200, presentPolicy, (call) => reportPolicy(call, param(c, 'slug'), version(c), on)),
    );
}
