import { z } from '@hono/zod-openapi';
import { REFUSE_CODES } from '../audit/reason-codes.js';
import { askApplicant } from '../operations/join/ask.js';
import { type ErasedApplication, eraseApplication } from '../operations/join/erase-application.js';
import { listApplications } from '../operations/join/list-applications.js';
import { refuseApplication } from '../operations/join/refuse.js';
import { type ShownApplication, showApplication } from '../operations/join/show-application.js';
import { nextForReviewer, standsAt, waitsOn } from '../operations/join/standing.js';
import { type Taken, takeApplication } from '../operations/join/take.js';
import { type ApplicantDetails, type application, MEMBER_STATES, type member, type RequestedMembership, WAITING_ON } from '../store/schema.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { findingsField, pageOf, pageQuery, reason, seconds } from './wire.js';
import { write } from './write.js';

const json = z.record(z.string(), z.unknown());
interface Found {
  readonly application: typeof application.$inferSelect;
  readonly member: typeof member.$inferSelect | null;
}

const summary = {
  id: z.string(),
  entity_id: z.string(),
  state: z.enum(MEMBER_STATES).openapi({ description: 'Its own until it is taken, then that of its member' }),
  waiting_on: z.enum(WAITING_ON).nullable(),
  organization: z.string().nullable().openapi({ description: 'The legal name that was given; null: erased' }),
  member: z.string().nullable().openapi({ description: 'The member that was made of it' }),
  join_link: z.string(),
  taken_by: z.string().nullable(),
  taken_at: seconds.nullable(),
  submitted_at: seconds,
  decided_at: seconds.nullable(),
  readmission: z.boolean(),
  updated_at: seconds,
  v: z.number().int(),
};
const summarySchema = z.object(summary).openapi('Application');
const changedSchema = z.object({ ...summary }).openapi('ChangedApplication');
const takenSchema = z.object({ ...summary, already: z.boolean().optional(), ...findingsField }).openapi('TakenApplication');
const shownSchema = z
  .object({
    ...summary,
    organization_details: json.nullable(),
    contacts: z.array(json),
    requested: json,
    ...findingsField,
    conflicts: z
      .array(z.object({ code: z.string(), severity: z.enum(['error', 'warning']), detail: z.string() }))
      .openapi({ description: 'What of it is, or may be, somebody else’s; applicants are not told' }),
    messages: z.array(z.object({ seq: z.number().int(), at: seconds, from: z.enum(['applicant', 'authority']), text: z.string().nullable() })),
    refusal: z.object({ at: seconds, reason_code: z.string().nullable(), reason: z.string().nullable(), redress: z.string().nullable() }).nullable(),
    next: z.array(z.string()),
  })
  .openapi('ShownApplication');

const query = pageQuery.extend({
  state: z.enum(MEMBER_STATES).optional().openapi({ description: 'Where it stands' }),
  waiting_on: z.enum(WAITING_ON).optional().openapi({ description: 'Whose turn it is' }),
  entity_id: z.string().max(2048).optional().openapi({ description: 'Which identifier it names' }),
});
const text = z.string().trim().min(1).max(4000);
const takeBody = z
  .strictObject({ waive: z.array(z.string()).max(50).optional(), readmit: z.string().trim().min(1).max(1000).optional() })
  .openapi('ApplicationTake', {
    description: 'waive: codes of findings that you accept, or organization_known; readmit: why one that was revoked may come back, which takes an approver',
  });
const askBody = z.strictObject({ text }).openapi('Question', { example: { text: 'Which register is that number from?' } });
const refuseBody = z
  .strictObject({
    reason_code: z.enum(REFUSE_CODES),
    reason: text.openapi({ description: 'Told to the applicant' }),
    redress: text.openapi({ description: 'Where it can turn to' }),
  })
  .openapi('ApplicationRefusal', {
    example: { reason_code: 'incomplete', reason: 'no register entry was given', redress: 'write to board@anchor.example.org within 30 days' },
  });
const eraseBody = z.strictObject({ reason }).openapi('ApplicationErasure');
const erasedSchema = z.object({ id: z.string(), events: z.array(z.number().int()), already: z.boolean().optional() }).openapi('ErasedApplication');

const present = (found: Found): z.infer<typeof summarySchema> => {
  const { application: row } = found;
  return {
    id: row.id,
    entity_id: row.entityId,
    state: standsAt(found),
    waiting_on: waitsOn(found),
    organization: row.details?.organization.legalName ?? null,
    member: row.memberId,
    join_link: row.joinLinkId,
    taken_by: row.takenBy,
    taken_at: row.takenAt,
    submitted_at: row.submittedAt,
    decided_at: row.decidedAt,
    readmission: row.readmission,
    updated_at: row.updatedAt,
    v: row.v,
  };
};
const organizationOf = ({ organization: one }: ApplicantDetails) => ({
  legal_name: one.legalName,
  ...(one.registrationNumber !== undefined && { registration_number: one.registrationNumber }),
  ...(one.jurisdiction !== undefined && { jurisdiction: one.jurisdiction }),
});
const requestedOf = (one: RequestedMembership): Record<string, unknown> => ({
  ...(one.entityTypes && { entity_types: [...one.entityTypes] }),
  ...(one.intermediate !== undefined && { intermediate: one.intermediate }),
  ...(one.jwks && { jwks: { keys: [...one.jwks.keys] } }),
  ...(one.entitlements && { entitlements: [...one.entitlements] }),
  ...(one.bundles && { bundles: [...one.bundles] }),
  ...(one.trustMarkTypes && { trust_mark_types: [...one.trustMarkTypes] }),
});
const presentShown = (shown: ShownApplication): z.infer<typeof shownSchema> => {
  const { details, requested, findings } = shown.application;
  return {
    ...present(shown),
    organization_details: details && organizationOf(details),
    contacts: (details?.contacts ?? []).map((one) => ({ ...one })),
    requested: requestedOf(requested),
    findings: findings.map((one) => ({ ...one })),
    conflicts: shown.conflicts.map((one) => ({ ...one })),
    messages: shown.messages.map((one) => ({ ...one })),
    refusal: shown.refusal && { at: shown.refusal.at, reason_code: shown.refusal.reasonCode, reason: shown.refusal.text, redress: shown.refusal.redress },
    next: [...nextForReviewer(shown)],
  };
};

/** What is done about applications; approved is their member, as every member is. */
export function applicationEndpoints(app: AdminApp): void {
  const tag = 'Applications';
  const base = '/authorities/{slug}/applications';
  endpoint(app, { method: 'get', path: base, tag, summary: 'Applications, whoever waits longest first', query, response: pageOf(summarySchema) }, async (c) => {
    const { state, waiting_on: waitingOn, entity_id: entityId, ...asked } = validQuery<z.infer<typeof query>>(c);
    const { items, next } = await listApplications(c.var.call, param(c, 'slug'), { ...asked, state, waitingOn, entityId });
    return c.json({ items: items.map(present), next_cursor: next });
  });
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/{application}`,
      tag,
      summary: 'One application: what it asks for, what was said, what stands in its way',
      response: shownSchema,
    },
    async (c) => c.json(presentShown(await showApplication(c.var.call, param(c, 'slug'), param(c, 'application')))),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{application}/take`,
      tag,
      summary: 'Take an application: its member is enrolled, in state vetting',
      description:
        'Pre-flight runs, which changes nothing; each error of it, and a key that the identifier does not publish (`keys_differ`), is waived by name or stands in the way. An identifier that is held is refused; one that is barred comes back with `readmit`, an approver and other keys.',
      body: takeBody,
      bodyOptional: true,
      response: takenSchema,
    },
    (c) => {
      const shown = (taken: Taken): z.infer<typeof takenSchema> => ({
        ...present(taken),
        ...(taken.already && { already: true }),
        findings: taken.findings.map((one) => ({ ...one })),
      });
      const asked = validJson<z.infer<typeof takeBody>>(c);
      return write(c, 200, shown, (call) => takeApplication(call, param(c, 'slug'), param(c, 'application'), asked));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{application}/ask`,
      tag,
      summary: 'Write to the applicant: it is for it to answer',
      body: askBody,
      response: changedSchema,
    },
    (c) => {
      const { text: said } = validJson<z.infer<typeof askBody>>(c);
      return write(c, 200, present, (call) => askApplicant(call, param(c, 'slug'), param(c, 'application'), said));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{application}/refuse`,
      tag,
      summary: 'Refuse an application: why, and where the applicant can turn to',
      description: 'Its member, where there is one, is refused in the same commit. It may apply again.',
      body: refuseBody,
      response: changedSchema,
    },
    (c) => {
      const { reason_code: reasonCode, ...more } = validJson<z.infer<typeof refuseBody>>(c);
      const asked = { ...more, reasonCode };
      return write(c, 200, present, (call) => refuseApplication(call, param(c, 'slug'), param(c, 'application'), asked));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{application}/erase`,
      tag,
      summary: 'Erase what people wrote in an application and what it says about them',
      description: 'Contacts, the organization it named, every message of both sides. The audit trail verifies as before and tells that it was done.',
      body: eraseBody,
      response: erasedSchema,
    },
    (c) => {
      const shown = ({ id, events, already }: ErasedApplication): z.infer<typeof erasedSchema> => ({
        id,
        events: [...events],
        ...(already && { already: true }),
      });
      const { reason: why } = validJson<z.infer<typeof eraseBody>>(c);
      return write(c, 200, shown, (call) => eraseApplication(call, param(c, 'slug'), param(c, 'application'), why));
    },
  );
}
