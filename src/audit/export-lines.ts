import { z } from 'zod';
import type { ChainedEvent } from './event-hash.js';
import type { Sealed } from './private-part.js';

/**
 * An export: one JSON document a line. First who it is of and which keys sign its checkpoints, then each event with the
 * checkpoints about it behind it, in the end where it ends and a digest of everything before. A checkpoint stands where it
 * belongs and not in the header: a year has a hundred thousand, and who reads the file holds one line at a time.
 */
export const EXPORT_VERSION = 1;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const seq = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const json = z.record(z.string(), z.unknown());
const text = z.string().max(10_000);

const headerShape = z.object({
  holdfast_audit_export: z.literal(EXPORT_VERSION),
  /** Whose chain: an authority's id and identifier; of the deployment's no identifier. */
  chain: text,
  entity_id: z.string().max(2048).nullable(),
  made_at: z.number().int(),
  from: seq,
  /** The last event that was asked for; null: to the end of the chain. */
  to: seq.nullable(),
  /** The hash before the first event. */
  prev_hash: hash,
  /** With the private parts. */
  private: z.boolean(),
  /** By entity identifier: the audit keys of the authorities whose checkpoints stand here. */
  audit_jwks: z.record(z.string(), z.object({ keys: z.array(z.looseObject({ kid: z.string(), kty: z.string() })).max(10_000) })),
});
export type ExportHeader = z.infer<typeof headerShape>;

const eventShape = z.object({
  format: z.number().int(),
  authority_id: text,
  seq,
  at: z.number(),
  type: text,
  subject_kind: text,
  subject_id: text,
  actor_id: text,
  actor_kind: text,
  reason: z.string().nullable(),
  reason_code: text.nullable(),
  detail: json,
  artefacts: z.array(json),
  private_commitment: hash.nullable(),
  prev_hash: hash,
  hash,
});
const partShape = z.union([z.object({ salt: hash, payload: z.string() }), z.object({ erased_at: z.number(), erased_by: text, erased_seq: seq })]);
const endShape = z.object({ seq: z.number().int(), head: hash, events: z.number().int(), sha256: hash });

const lineShape = z.union([
  z.strictObject({ event: eventShape, private: partShape.optional() }),
  z.strictObject({ checkpoint: z.string().max(20_000) }),
  z.strictObject({ end: endShape }),
]);
export type ExportLine = z.infer<typeof lineShape>;
type EventLine = Extract<ExportLine, { event: unknown }>;
export type ExportedPart = z.infer<typeof partShape>;

const NAMES = new Set(Object.keys(eventShape.shape));
const PART_NAMES = new Set(partShape.options.flatMap(({ shape }) => Object.keys(shape)));

/**
 * What a line holds beside what is checked: a reader that shows it would show what nothing proves. As text too: of a member that
 * stands twice, and of digits beyond what a number holds, others may read another one than was hashed.
 */
export function whyAmbiguous(text: string, value: unknown): string | undefined {
  if (text.includes('"__proto__"') || JSON.stringify(value) !== text)
    return 'it is not written as an export writes it: a member twice, a number in other words, or something else that others read otherwise';
  const { event = {}, private: part = {} } = value as { readonly event?: object; readonly private?: object };
  const stray = [...Object.keys(event).filter((name) => !NAMES.has(name)), ...Object.keys(part).filter((name) => !PART_NAMES.has(name))];
  return stray.length ? `it has ${stray.map((name) => name.slice(0, 40)).join(', ')}, which nothing proves` : undefined;
}

export const readHeader = (value: unknown): ExportHeader | undefined => headerShape.safeParse(value).data;
export const readLine = (value: unknown): ExportLine | undefined => lineShape.safeParse(value).data;

export const eventLine = (one: ChainedEvent, part: ExportedPart | undefined): EventLine => ({
  event: {
    format: one.format,
    authority_id: one.authorityId,
    seq: one.seq,
    at: one.at,
    type: one.type,
    subject_kind: one.subjectKind,
    subject_id: one.subjectId,
    actor_id: one.actorId,
    actor_kind: one.actorKind,
    reason: one.reason,
    reason_code: one.reasonCode,
    detail: one.detail,
    artefacts: [...one.artefacts],
    private_commitment: one.privateCommitment,
    prev_hash: one.prevHash,
    hash: one.hash,
  },
  ...(part && { private: part }),
});

export const eventOfLine = ({ event: one }: EventLine): ChainedEvent => ({
  format: one.format,
  authorityId: one.authority_id,
  seq: one.seq,
  at: one.at,
  type: one.type,
  subjectKind: one.subject_kind,
  subjectId: one.subject_id,
  actorId: one.actor_id,
  actorKind: one.actor_kind,
  reason: one.reason,
  reasonCode: one.reason_code,
  detail: one.detail,
  artefacts: one.artefacts,
  privateCommitment: one.private_commitment,
  prevHash: one.prev_hash,
  hash: one.hash,
});

export const isSealed = (part: ExportedPart): part is Sealed => 'salt' in part;
