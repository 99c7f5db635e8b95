import { z } from '@hono/zod-openapi';
import type { PolicyRow } from '../../operations/registry.js';
import { POLICY_STATES } from '../../store/schema.js';
import { findingsField, json, metadata, seconds } from './basics.js';

/** Policies. */

const UNWRAPPED: z.core.$ZodErrorMap = (issue) => {
  if (issue.code !== 'unrecognized_keys') return undefined;
  const [name] = issue.keys;
  return `"${name}" is no member of a policy. Wrap entity types in metadata_policy: {"metadata_policy":{"${name}":{…}}}`;
};
export const policyBody = z
  .strictObject(
    {
      metadata_policy: json.optional(),
      metadata_policy_crit: z.array(z.string()).optional(),
      constraints: json.optional(),
      note: z.string().max(500).optional(),
    },
    { error: UNWRAPPED },
  )
  .openapi('PolicyInput');
/** Anew rather than extended: extended, it would be all of `PolicyInput` in the contract, which has no room for more. */
export const previewBody = z
  .strictObject({ ...policyBody.shape, member: z.string(), metadata: metadata.optional() }, { error: UNWRAPPED })
  .openapi('PolicyPreviewInput');
export const policySchema = z
  .object({
    version: z.number().int(),
    state: z.enum(POLICY_STATES),
    metadata_policy: json,
    metadata_policy_crit: z.array(z.string()),
    constraints: json,
    note: z.string().nullable(),
    created_by: z.string(),
    created_at: seconds,
    published_at: seconds.nullable(),
    ...findingsField,
  })
  .openapi('Policy');
export const policyInput = (body: z.infer<typeof policyBody>) => ({
  metadataPolicy: body.metadata_policy,
  metadataPolicyCrit: body.metadata_policy_crit,
  constraints: body.constraints,
  note: body.note,
});
export const presentPolicy = (row: PolicyRow): z.infer<typeof policySchema> => ({
  version: row.version,
  state: row.state,
  metadata_policy: row.policy,
  metadata_policy_crit: [...row.crit],
  constraints: row.constraints,
  note: row.note,
  created_by: row.createdBy,
  created_at: row.createdAt,
  published_at: row.publishedAt,
});

/* Jobs, API keys */
