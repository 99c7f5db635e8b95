import { type AuditJwks, type Checkpoint, readCheckpoint, whyNotSigned } from './checkpoint.js';
import type { ExportHeader } from './export-lines.js';
import type { AuditCode } from './findings.js';

type Add = (code: AuditCode, where: string, detail: string) => void;

/** Where a checkpoint says that the chain looked at ended. */
interface Named {
  readonly checkpoint: Checkpoint;
  readonly seq: number;
  readonly head: string;
  /** It was given beside the file: somebody has seen it. */
  readonly seen: boolean;
}

/** More than these wait for their event only where somebody put the file together. */
const MAX_WAITING = 10_000;
const called = ({ checkpoint: { sha256, iat }, seq }: Named): string => `the checkpoint ${sha256.slice(0, 12)} (iat ${iat}) about event ${seq}`;

/**
 * Hold a chain against checkpoints: those that stand in the file, and those that somebody has seen and kept. The first prove
 * that the chain is the one whose end was signed; only the second show that a whole series was shortened.
 */
export function checkpointChecks(
  { chain, entity_id: entityId, audit_jwks: own, from, to, made_at: madeAt }: ExportHeader,
  given: AuditJwks | undefined,
  add: Add,
) {
  const waiting = new Map<number, Named[]>();
  const seenOnes: Named[] = [];
  const digests = new Set<string>();
  /** The last of each series: that of an authority; about the chain of the deployment there are several. */
  const last = new Map<string, Named>();
  const contradicted: Named[] = [];
  let provenTo = 0;
  let verified = 0;
  let end = { seq: from - 1, hash: '' };

  /** One that is an authority's own word about this chain. */
  async function taken(text: string, where: string, seen: boolean): Promise<Named | undefined> {
    const checkpoint = readCheckpoint(text);
    if (!checkpoint) return void add('checkpoint_unreadable', where, 'it cannot be read as a checkpoint');
    if (entityId !== null && checkpoint.iss !== entityId)
      return void add('checkpoint_foreign', where, `it is of ${checkpoint.iss}, and the events are of ${entityId}`);
    const keys = given ?? (Object.hasOwn(own, checkpoint.iss) ? (own[checkpoint.iss] as unknown as AuditJwks) : { keys: [] });
    const why = await whyNotSigned(checkpoint, keys);
    if (why !== undefined) {
      const says = {
        key: 'its key is none of the audit keys',
        signature: 'it does not verify with the key that it names',
        retired: 'its key signed no more at the time that it names',
      };
      return void add('checkpoint_key', where, says[why]);
    }
    verified++;
    if (entityId !== null) return { checkpoint, seq: checkpoint.seq, head: checkpoint.head, seen };
    const { deployment } = checkpoint;
    return deployment && { checkpoint, seq: deployment.seq, head: deployment.hash, seen };
  }

  function fork(one: Named, other: Named): void {
    add('fork', `event ${one.seq}`, `${called(one)} names ${one.head}, ${called(other)} names ${other.head}, and both are signed by ${one.checkpoint.iss}`);
  }

  /** An event stands where a checkpoint names one. */
  function compare(one: Named, hash: string): void {
    if (one.head === hash) {
      provenTo = Math.max(provenTo, one.seq);
      return;
    }
    contradicted.push(one);
    add('rewritten', `event ${one.seq}`, `${called(one)} names ${one.head}; here it is ${hash}`);
  }

  function inSeries(one: Named, where: string): void {
    const before = last.get(one.checkpoint.iss);
    const { prev_checkpoint: prev, iat } = one.checkpoint;
    if (before?.seq === one.seq && before.head !== one.head) fork(before, one);
    const follows = before ? prev === before.checkpoint.sha256 : from > 1 || prev === null || entityId === null;
    if (!follows) add('checkpoint_order', where, `${called(one)} does not follow ${before ? called(before) : 'from nothing: others came before it'}`);
    else if (before && (iat < before.checkpoint.iat || one.seq < before.seq))
      add('checkpoint_order', where, `${called(one)} goes back behind ${called(before)}`);
    last.set(one.checkpoint.iss, one);
  }

  return {
    /** One that somebody has seen; before the first event. */
    async seen(text: string, where: string): Promise<void> {
      const one = await taken(text, where, true);
      if (!one) return;
      const twin = seenOnes.find(({ seq, head }) => seq === one.seq && head !== one.head);
      if (twin) fork(twin, one);
      seenOnes.push(one);
      if (one.seq >= from && (to === null || one.seq <= to)) waiting.set(one.seq, [...(waiting.get(one.seq) ?? []), one]);
    },

    /** One that stands in the file. */
    async found(text: string, where: string): Promise<void> {
      const one = await taken(text, where, false);
      if (!one) return;
      if (seenOnes.length) digests.add(one.checkpoint.sha256);
      inSeries(one, where);
      if (one.checkpoint.iat > madeAt) add('header', where, `${called(one)} was signed after the file says that it was made, at ${madeAt}`);
      for (const other of seenOnes) if (other.seq === one.seq && other.head !== one.head) fork(other, one);
      if (one.seq === end.seq) compare(one, end.hash);
      else if (to !== null && one.seq > to) return;
      else if (one.seq > end.seq && waiting.size < MAX_WAITING) waiting.set(one.seq, [...(waiting.get(one.seq) ?? []), one]);
      else if (one.seq >= from) add('checkpoint_order', where, `${called(one)} stands behind event ${end.seq}`);
    },

    event(seq: number, hash: string): void {
      if (seq > end.seq) end = { seq, hash };
      for (const one of waiting.get(seq) ?? []) compare(one, hash);
      waiting.delete(seq);
    },

    end(): { readonly provenTo: number; readonly verified: number; readonly beyond: number } {
      for (const one of [...waiting.values()].flat())
        if (one.seq > end.seq)
          add(
            'truncated',
            `event ${one.seq}`,
            `${called(one)} names it, and here the chain of ${chain} ends with event ${end.seq}${one.checkpoint.iat > madeAt ? `; the file says that it was made before, at ${madeAt}: make it anew` : ''}`,
          );
      // Two histories need not have a checkpoint about the same event: that both were signed is enough.
      const signed = [...last.values()].filter((one) => one.seq <= provenTo);
      for (const one of contradicted.filter(({ seen }) => seen))
        for (const other of signed.filter(({ seq, checkpoint }) => seq > one.seq && checkpoint.iss === one.checkpoint.iss))
          add('fork', `event ${one.seq}`, `${called(one)} contradicts the history that ${called(other)} names, and both are signed by ${one.checkpoint.iss}`);
      for (const one of seenOnes)
        if (one.seq >= from && one.seq <= end.seq && one.checkpoint.iat < madeAt && !digests.has(one.checkpoint.sha256))
          add('checkpoint_missing', `event ${one.seq}`, `${called(one)} was seen, and the file, made at ${madeAt}, does not have it`);
      return { provenTo, verified, beyond: seenOnes.filter(({ seq }) => to !== null && seq > to).length };
    },
  };
}
