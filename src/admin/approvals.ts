import { z } from '@hono/zod-openapi';
import { type DecidedProposal, decideProposal, type Vote } from '../operations/deciding/decide-proposal.js';
import { listProposals, type ShownProposal, showProposal } from '../operations/deciding/proposals.js';
import { PROPOSAL_KINDS, PROPOSAL_STATES, VERDICTS } from '../store/schema.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { pageOf, pageQuery, seconds } from './wire.js';
import { write } from './write.js';

const json = z.record(z.string(), z.unknown());
const approvalSchema = z
  .object({
    id: z.string(),
    kind: z.enum(PROPOSAL_KINDS),
    authority: z.string().nullable().openapi({ description: 'Slug; null: of the deployment' }),
    subject: z.string(),
    digest: z.string().openapi({ description: 'SHA-256 over what is decided; send it back with the verdict' }),
    state: z.enum(PROPOSAL_STATES),
    proposed_by: z.string(),
    created_at: seconds,
    decided_at: seconds.nullable(),
    expires_at: seconds.optional().openapi({ description: 'Until when somebody may be the second person; void after that' }),
    waiting_for: z.number().int().openapi({ description: 'How many persons are still missing' }),
    current: z.boolean().optional().openapi({ description: 'False: what is decided was changed since, so the first approval is void' }),
    for_me: z.boolean().optional().openapi({ description: 'You may be the second person' }),
    content: json.optional().openapi({ description: 'What is decided' }),
    request: json.optional().openapi({ description: 'What the first person asked for, carried out when the second approves' }),
    approvals: z
      .array(z.object({ person: z.string(), name: z.string().nullable(), verdict: z.enum(VERDICTS), note: z.string().nullable(), at: seconds }))
      .optional(),
  })
  .openapi('Approval');
const vote = z
  .strictObject({
    verdict: z.enum(VERDICTS),
    digest: z.string().min(1).max(100).openapi({ description: 'Of what you looked at' }),
    note: z.string().trim().min(1).max(2000).optional(),
  })
  .openapi('Verdict');
const query = pageQuery.extend({
  waiting_for: z.enum(['me']).optional().openapi({ description: 'Only those that you may decide as the second person' }),
  state: z.enum(PROPOSAL_STATES).default('open').openapi({ description: 'Where it stands' }),
});

const presentRow = (row: DecidedProposal['row']): z.infer<typeof approvalSchema> => ({
  id: row.id,
  kind: row.kind,
  authority: row.authority,
  subject: row.subjectId,
  digest: row.digest,
  state: row.state,
  proposed_by: row.proposedBy,
  created_at: row.createdAt,
  decided_at: row.decidedAt,
  waiting_for: row.state === 'open' ? 1 : 0,
});
const presentShown = (row: ShownProposal): z.infer<typeof approvalSchema> => ({
  ...presentRow(row),
  expires_at: row.expiresAt,
  current: row.current,
  for_me: row.forMe,
  content: row.content,
  request: row.request,
  approvals: row.approvals.map(({ personId: person, name, verdict, note, at }) => ({ person, name, verdict, note, at })),
});

/** What waits for a second person. */
export function approvalEndpoints(app: AdminApp): void {
  const tag = 'Approvals';
  endpoint(
    app,
    {
      method: 'get',
      path: '/approvals',
      tag,
      summary: 'What one person has approved and a second one has not yet, of the authorities that you may read',
      query,
      response: pageOf(approvalSchema),
    },
    async (c) => {
      const { limit, cursor, state, waiting_for: waitingFor } = validQuery<z.infer<typeof query>>(c);
      const found = await listProposals(c.var.call, { limit, cursor, state, forMe: waitingFor === 'me' });
      return c.json({ items: found.items.map(presentShown), next_cursor: found.next });
    },
  );
  endpoint(
    app,
    { method: 'get', path: '/approvals/{id}', tag, summary: 'One decision, with what is decided and who has approved', response: approvalSchema },
    async (c) => c.json(presentShown(await showProposal(c.var.call, param(c, 'id')))),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: '/approvals/{id}',
      tag,
      summary: 'Approve or refuse it; the second approval carries it out',
      description: 'Whoever refuses ends it, alone.',
      body: vote,
      response: approvalSchema,
      waits: true,
    },
    (c) =>
      write(
        c,
        200,
        ({ row }: DecidedProposal) => presentRow(row),
        (call) => decideProposal(call, param(c, 'id'), validJson<Vote>(c)),
      ),
  );
}
