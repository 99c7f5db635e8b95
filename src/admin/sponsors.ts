import { z } from '@hono/zod-openapi';
import { reattestMember, sponsorMember } from '../operations/members/sponsor-member.js';
import type { MemberRow } from '../operations/registry.js';
import { type AdminApp, param, validJson } from './context.js';
import { endpoint } from './endpoint.js';
import { memberSchema, presentMember, reason, seconds, sponsorField, withFindings } from './wire.js';
import { write } from './write.js';

/** Who answers for a member, and until when he has said so. */
const sponsorBody = z
  .strictObject({
    sponsor: sponsorField.nullable(),
    reattest_by: seconds.optional().openapi({ description: 'Until when that is said: nothing that is said about the member goes beyond' }),
    v: z.number().int().optional(),
  })
  .openapi('MemberSponsor');
const reattestation = z
  .strictObject({ until: seconds, note: reason.optional(), v: z.number().int().optional() })
  .openapi('Reattestation', { example: { until: 1_900_000_000 } });

const shown = withFindings((row: MemberRow) => presentMember(row));

export function sponsorEndpoints(app: AdminApp): void {
  const base = '/authorities/{slug}/members/{id}';
  endpoint(
    app,
    {
      method: 'put',
      path: `${base}/sponsor`,
      tag: 'Members',
      summary: 'Say who answers for a member',
      description: 'A person, so it stands in no chain and nothing that is published names him; null takes him out.',
      body: sponsorBody,
      response: memberSchema,
    },
    (c) => {
      const { sponsor, reattest_by: reattestBy, v: version } = validJson<z.infer<typeof sponsorBody>>(c);
      return write(c, 200, shown, (call) => sponsorMember(call, param(c, 'slug'), param(c, 'id'), { sponsor, reattestBy, version }));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/reattest`,
      tag: 'Members',
      summary: 'Say that it is still needed and answered for',
      description: 'One person does it, for 400 days at most. Whoever was suspended for want of it is resumed apart.',
      body: reattestation,
      response: memberSchema,
    },
    (c) => {
      const { until, note, v: version } = validJson<z.infer<typeof reattestation>>(c);
      return write(c, 200, shown, (call) => reattestMember(call, param(c, 'slug'), param(c, 'id'), { until, note, version }));
    },
  );
}
