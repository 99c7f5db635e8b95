import { z } from '@hono/zod-openapi';
import { TOKEN_DIGEST } from '../../keys/random.js';
import type { ApiKeyRow } from '../../operations/access/api-keys.js';
import type { JobRow } from '../../operations/jobs/jobs.js';
import { JOB_KINDS, JOB_STATES, KEY_ROLES } from '../../store/schema.js';
import { json, seconds } from './basics.js';

/** Jobs and API keys. */

export const jobSchema = z
  .object({
    id: z.string(),
    kind: z.enum(JOB_KINDS),
    state: z.enum(JOB_STATES),
    done: z.number().int(),
    total: z.number().int(),
    refused: z.number().int(),
    params: json,
    created_by: z.string(),
    created_at: seconds,
    updated_at: seconds,
  })
  .openapi('Job');
export const presentJob = (row: JobRow): z.infer<typeof jobSchema> => ({
  id: row.id,
  kind: row.kind,
  state: row.state,
  done: row.done,
  total: row.total,
  refused: row.refused,
  params: row.params,
  created_by: row.createdBy,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
});

export const newApiKey = z
  .strictObject({
    name: z.string().trim().min(1).max(100),
    role: z
      .enum(KEY_ROLES)
      .optional()
      .openapi({ description: 'What it may. Of a person’s key the most it may: left out, or `person`, whatever the person may' }),
    person: z.string().min(1).max(60).optional().openapi({ description: 'Whose key it is; left out: a machine’s' }),
    authorities: z.array(z.string()).min(1).nullable().default(null),
    expires_at: seconds.nullable().optional(),
    token_digest: z.string().regex(TOKEN_DIGEST, 'give what holdfast api-key secret prints: prefix, dot, SHA-256 in base64url').optional().openapi({
      description:
        'Of a token that was made elsewhere: its first 11 characters, a dot, its SHA-256 in base64url. No token is in the answer then. With quorum 2 a key for another person takes it, and that person makes it',
    }),
  })
  .refine(({ role, person }) => role !== undefined || person !== undefined, { path: ['role'], message: 'a key of nobody needs a role' })
  .openapi('NewApiKey', { example: { name: 'Ada', role: 'operator' } });
export const apiKeySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    prefix: z.string(),
    role: z.enum(KEY_ROLES),
    person: z.string().nullable().openapi({ description: 'Whose key it is; null: a machine’s' }),
    authorities: z.array(z.string()).nullable(),
    created_at: seconds,
    expires_at: seconds.nullable(),
    revoked_at: seconds.nullable(),
    last_used_at: seconds.nullable(),
  })
  .openapi('ApiKey');
export const presentApiKey = (row: ApiKeyRow): z.infer<typeof apiKeySchema> => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  role: row.role,
  person: row.personId,
  authorities: row.authorities ? [...row.authorities] : null,
  created_at: row.createdAt,
  expires_at: row.expiresAt,
  revoked_at: row.revokedAt,
  last_used_at: row.lastUsedAt,
});
