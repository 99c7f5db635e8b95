import type { Decided, Decision, Outcome, Unit } from './decision.js';
import type { Actor } from './event.js';
import { isDuplicate, piecesOf, type Statement } from './database.js';
import { inPieces } from './lots.js';
import { troubleIn } from './trouble.js';

/** A decision that waits to be committed. */
export interface Pending {
  readonly decision: Decision<unknown>;
  readonly actor: Actor;
  readonly urgent: boolean;
  readonly elsewhere: Decided['elsewhere'];
}

/** What is committed as one, in order; and what of a unit that is not whole has to be decided anew. */
export function unitsOf<P extends Pending>(pending: readonly P[]): { readonly parts: readonly (readonly P[])[]; readonly broken: readonly P[] } {
  const byUnit = new Map<Unit, P[]>();
  const parts: P[][] = [];
  for (const one of pending) {
    const { unit } = one.decision;
    const known = unit && byUnit.get(unit);
    if (known) known.push(one);
    else {
      const part = [one];
      parts.push(part);
      if (unit) byUnit.set(unit, part);
    }
  }
  const isWhole = (part: readonly P[]) => {
    const unit = part[0]?.decision.unit;
    return !unit || (part.length === unit.size && part.every(({ actor, urgent, elsewhere }) => isSame(actor, unit.actor) && !urgent && elsewhere.length === 0));
  };
  return { parts: parts.filter(isWhole), broken: parts.filter((part) => !isWhole(part)).flat() };
}

const isSame = (one: Actor, other: Actor): boolean => one.id === other.id && one.kind === other.kind && one.key === other.key;

/** As the engine commits it: events one after the other, what several of them write once. */
export function decidedOf(part: readonly Pending[], ending: readonly Statement[]): Decided {
  const { actor, urgent, elsewhere } = part[0] as Pending;
  return {
    actor,
    urgent,
    elsewhere,
    operations: part.length,
    events: part.flatMap(({ decision }) => decision.events),
    statements: [...new Set(part.flatMap(({ decision }) => decision.statements)), ...ending],
  };
}

/** What all of a unit write: each of them has it, and it is carried out once. */
export const asOne = (statements: readonly Statement[]): Statement => inPieces(piecesOf(statements));

/** Each of a unit is for itself now: something of it could not be written, or was overtaken. The store's own trouble is everybody's. */
export const fallsApart = (part: readonly Pending[], outcome: Outcome, isMoved: boolean): boolean =>
  part.length > 1 && !outcome.ok && (isMoved || isDuplicate(outcome.error, '') || troubleIn(outcome.error) === undefined);
