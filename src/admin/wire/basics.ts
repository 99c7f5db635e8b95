import { CUT_CODES } from '../../audit/reason-codes.js';
import { z } from '@hono/zod-openapi';
import { limits } from '../../federation/entry.js';
import type { WithFindings } from '../../operations/judged.js';

/** What all of it is made of. */

export const json = z.record(z.string(), z.unknown());
export const metadata = z.record(z.string(), json).openapi({ description: 'Entity Type → parameter → value (OpenID Federation 1.0 §5)' });
/** Seconds: a time or a length of time. Milliseconds by mistake are refused. */
export const seconds = z.number().int().min(0).max(limits.MAX_TIME);

export const reason = z.string().trim().min(1).max(500);
/** Who answers for a member. */
export const sponsorField = z
  .strictObject({
    name: z.string().trim().min(1).max(200),
    email: z
      .string()
      .trim()
      .max(254)
      .regex(/^[^\s@<>]+@[^\s@<>]+$/, 'an e-mail address, such as ada@example.org'),
  })
  .openapi('Sponsor', { description: 'A person who answers for it', example: { name: 'Ada Moe', email: 'ada@example.org' } });
export const slug = z.string().openapi({ example: 'main' });

export const problemSchema = z
  .object({ type: z.string(), title: z.string(), status: z.number().int(), code: z.string(), detail: z.string(), findings: z.array(json).optional() })
  .openapi('Problem', { description: 'RFC 9457 problem details' });

/** What is worth knowing beside an answer; `severity` is error or warning. */
export const findingsField = { findings: z.array(json).optional() };
/** The findings of a change beside what it made. */
export const withFindings =
  <T, V extends object>(present: (row: T) => V) =>
  (row: WithFindings<T>) => ({ ...present(row), findings: row.findings.map((one) => ({ ...one })) });

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100).openapi({ description: 'Items of a page' }),
  cursor: z.string().max(4096).optional().openapi({ description: 'Where the page before ended: its `next_cursor`' }),
});
export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next_cursor: z.string().nullable() });

/** Why, in words that anyone may read. */
export const reasonCode = z.enum(CUT_CODES).optional().openapi({ description: 'Why, in a word that stays in the audit trail when the reason is erased' });
export const publicReason = z
  .string()
  .trim()
  .min(1)
  .max(500)
  .optional()
  .openapi({ description: 'Told to anyone by an authority that publishes what became of its subordinates; `reason` never is' });

/* Authorities */
