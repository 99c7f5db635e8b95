import { z } from '@hono/zod-openapi';
import { haltAuthority, type MovedAuthority } from '../operations/authorities/halt-authority.js';
import { authorityReach } from '../operations/authorities/reach.js';
import { resumeAuthority } from '../operations/authorities/resume-authority.js';
import { retireAuthority } from '../operations/authorities/retire-authority.js';
import { type AdminApp, param, validJson } from './context.js';
import { endpoint } from './endpoint.js';
import { authoritySchema, presentAuthority, reason, seconds } from './wire.js';
import { write } from './write.js';

/** Said wherever something is counted before a cut. */
const AT_LEAST = 'Counts of which there may be more: not all is counted where there is a lot';
const reachSchema = z
  .object({
    members: z.number().int(),
    marks: z.number().int(),
    answers_elsewhere: z.number().int().openapi({ description: 'Resolve answers of other authorities here that rest on it' }),
    member_of: z.array(z.string()).openapi({ description: 'Authorities of this deployment of which it is an active member' }),
    last_copy_until: seconds.nullable().openapi({ description: 'Until then a statement that somebody has fetched verifies, whatever is halted' }),
    at_least: z.array(z.enum(['members', 'marks', 'answers_elsewhere'])).openapi({ description: AT_LEAST }),
  })
  .openapi('AuthorityReach');
const body = z.strictObject({ reason }).openapi('AuthorityMove');
const response = authoritySchema.extend({ already: z.boolean().optional() }).openapi('MovedAuthority');
const present = ({ authority, already }: MovedAuthority): z.infer<typeof response> => ({ ...presentAuthority(authority), ...(already && { already: true }) });

const VERBS = [
  [
    'halt',
    haltAuthority,
    'Stop everything of an authority at once: the next request gets 404 for all of it',
    'Configuration, statements, lists, resolve answers, marks and their status. Needs no signature and nothing of its members.',
  ],
  [
    'resume',
    resumeAuthority,
    'Bring a halted authority back; it signs everything anew',
    'Takes an approver. Its configuration is there at once; statements answer 503 until their slice has been signed. Members keep their states.',
  ],
  [
    'retire',
    retireAuthority,
    'End an authority for good; only its historical keys are served from then on',
    'Takes an owner. Its keys are revoked (superseded), its identifier and its place are not used again.',
  ],
] as const;

/** Halt, resume and retire an authority. */
export function haltEndpoints(app: AdminApp): void {
  const tag = 'Authorities';
  endpoint(
    app,
    { method: 'get', path: '/authorities/{slug}/reach', tag, summary: 'What a halt would reach, counted; changes nothing', response: reachSchema },
    async (c) => {
      const { members, marks, answersElsewhere, memberOf, lastCopyUntil, atLeast } = await authorityReach(c.var.call, param(c, 'slug'));
      return c.json({
        members,
        marks,
        answers_elsewhere: answersElsewhere,
        member_of: [...memberOf],
        last_copy_until: lastCopyUntil,
        at_least: atLeast.map((name) => (name === 'answersElsewhere' ? 'answers_elsewhere' : name)),
      });
    },
  );
  for (const [name, act, summary, description] of VERBS)
    endpoint(app, { method: 'post', path: `/authorities/{slug}/${name}`, tag, summary, description, body, response, waits: name === 'resume' }, (c) =>
      write(c, 200, present, (call) => act(call, param(c, 'slug'), validJson<z.infer<typeof body>>(c).reason)),
    );
}
