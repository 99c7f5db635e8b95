import { and, eq, getTableColumns } from 'drizzle-orm';
import { joinDetail, type PrivatePart, readPart } from '../audit/private-part.js';
import { shownReason } from '../audit/reason-codes.js';
import type { EventRow } from './event.js';
import { event, eventPrivate } from './schema.js';

export type PrivateRow = typeof eventPrivate.$inferSelect;

/** Columns of an event with its private part, which is null where there is none. */
export const WITH_PRIVATE = { event: getTableColumns(event), part: getTableColumns(eventPrivate) };
export const onPrivate = () => and(eq(eventPrivate.authorityId, event.authorityId), eq(eventPrivate.seq, event.seq));

/** When, by whom and with which event what was private of an event was erased. */
export interface Erased {
  readonly at: number;
  readonly by: string;
  readonly seq: number;
}

/** An event as people read it: chain and private part together. */
export interface JoinedEvent extends EventRow {
  readonly erased: Erased | null;
}

/** The private part of an event, where it is there. One that was tampered with is shown by `fsck` and `audit verify`. */
export function partOf(row: PrivateRow | null): PrivatePart {
  if (row === null || row.payload === null) return {};
  try {
    return readPart(row.payload);
  } catch {
    return {};
  }
}

export const erasedOf = (part: PrivateRow | null): Erased | null =>
  part === null || part.erasedAt === null || part.erasedBy === null || part.erasedSeq === null
    ? null
    : { at: part.erasedAt, by: part.erasedBy, seq: part.erasedSeq };

export function joined({ event: row, part }: { readonly event: EventRow; readonly part: PrivateRow | null }): JoinedEvent {
  const { reason, detail } = partOf(part);
  return { ...row, reason: shownReason(row.reason ?? reason, row.reasonCode), detail: joinDetail(row.detail, detail), erased: erasedOf(part) };
}
