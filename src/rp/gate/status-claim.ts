import { z } from 'zod';
import { finding, type Result, type StatusReference } from '../../federation/entry.js';

const shape = z.object({ status_list: z.object({ uri: z.string().min(1).max(2048), idx: z.int().min(0).max(100_000_000) }).optional() });

/**
 * The `status` claim of a statement (Token Status List, "Referenced Token"). Undefined: it names no list. One that cannot be read is
 * a finding: who looks past it would take a revoked statement for one without a status.
 */
export function statusPlace(claims: Readonly<Record<string, unknown>>): Result<StatusReference | undefined> {
  if (claims['status'] === undefined) return { ok: true, value: undefined };
  const read = shape.safeParse(claims['status']);
  return read.success
    ? { ok: true, value: read.data.status_list }
    : { ok: false, findings: [finding('claim_invalid', 'status', 'it is no reference to a status list: {"status_list":{"idx":…,"uri":…}}')] };
}
