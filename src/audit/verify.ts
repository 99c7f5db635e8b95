import { hashed } from '../federation/sha256.js';
import type { AuditJwks } from './checkpoint.js';
import { checkpointChecks } from './check-checkpoints.js';
import { type ChainedEvent, EMPTY_HASH, whyChanged } from './event-hash.js';
import { type ExportedPart, type ExportHeader, eventOfLine, isSealed, readHeader, readLine, whyAmbiguous } from './export-lines.js';
import type { AuditCode, AuditFinding } from './findings.js';
import { commitmentOf } from './private-part.js';

export interface AuditOptions {
  /** The audit keys as the authority serves them, from outside the file; absent: those that stand in the file. */
  readonly keys?: AuditJwks | undefined;
  /** Checkpoints that somebody has seen and kept, with where they come from. */
  readonly seen?: readonly { readonly text: string; readonly where: string }[];
  readonly progress?: (events: number) => void;
  /** SHA-256 of the file, where the platform has a faster one. */
  readonly digest?: FileDigest;
}

export interface FileDigest {
  update(text: string): unknown;
  hex(): string;
}

const plainDigest = (): FileDigest => hashed.running();

export interface AuditResult {
  readonly chain: string;
  readonly entityId: string | null;
  readonly madeAt: number;
  readonly from: number;
  /** The last event, and its hash. */
  readonly seq: number;
  readonly head: string;
  readonly events: number;
  /** Checkpoints whose signature holds. */
  readonly checkpoints: number;
  /** The last event that a checkpoint vouches for; 0: none does. */
  readonly provenTo: number;
  /** Checkpoints given that are about later events than the file was asked for: it proves nothing about those. */
  readonly beyond: number;
  /** Private parts that were looked at, and that were erased. */
  readonly privateParts: number;
  readonly erased: number;
  readonly findings: readonly AuditFinding[];
  /** More than are told. */
  readonly findingsLeftOut: number;
}

/** More findings than these tell a person nothing new. */
const MAX_FINDINGS = 1000;
const PROGRESS_EVERY = 10_000;

/**
 * Check an export line by line: needs the file and nothing else, holds one line at a time. Whatever is wrong with one line is
 * told, and the rest is looked at all the same.
 */
export function auditVerifier({ keys, seen = [], progress, digest = plainDigest() }: AuditOptions = {}) {
  const findings: AuditFinding[] = [];
  let leftOut = 0;
  const add = (code: AuditCode, where: string, detail: string): void => {
    // A fork is told whatever else there is; of forks too nobody reads more.
    if (findings.length < MAX_FINDINGS || (code === 'fork' && findings.length < 2 * MAX_FINDINGS)) findings.push({ code, where, detail });
    else leftOut++;
  };
  let header: ExportHeader | undefined;
  let checks: ReturnType<typeof checkpointChecks> | undefined;
  const state = { line: 0, events: 0, seq: 0, head: EMPTY_HASH, ended: false, parts: 0, erased: 0 };
  /** Events that have not come where they belong. */
  const gaps = new Map<number, number>();
  /** Erased events, and the event that is to tell of it. */
  const untold = new Map<number, number>();
  /** Erasures told by events before or among those: by the event's number. */
  const told = new Map<number, number>();

  async function begin(text: string): Promise<void> {
    const value = parsed(text);
    header = readHeader(value);
    if (!header) throw new NoExport();
    const why = whyAmbiguous(text, value);
    if (why !== undefined) add('ambiguous', 'header', why);
    if (header.from === 1 && header.prev_hash !== EMPTY_HASH) add('header', 'header', 'it begins with event 1 and names an event before that');
    state.seq = header.from - 1;
    state.head = header.prev_hash;
    checks = checkpointChecks(header, keys, add);
    for (const { text: one, where } of seen) await checks.seen(one, where);
  }

  function place(one: ChainedEvent): void {
    const where = `event ${one.seq}`;
    const expected = state.seq + 1;
    if (one.seq < expected) {
      const to = gaps.get(one.seq);
      add('order', where, to === undefined ? 'it stands twice, or before the beginning' : `it stands behind event ${state.seq}`);
      if (to !== undefined) {
        gaps.delete(one.seq);
        if (to > one.seq) gaps.set(one.seq + 1, to);
      }
      return;
    }
    if (one.seq > expected) {
      if (gaps.size < MAX_FINDINGS) gaps.set(expected, one.seq - 1);
      else add('missing', `event ${expected}`, `events ${expected} to ${one.seq - 1} are not here`);
    } else if (one.prevHash !== state.head) add('broken', where, 'it does not follow from the event before it');
    state.seq = one.seq;
    state.head = one.hash;
  }

  function checkPart(one: ChainedEvent, part: ExportedPart | undefined): void {
    const where = `event ${one.seq}`;
    if (part === undefined) {
      if (one.privateCommitment !== null && header?.private)
        add('private_missing', where, 'it had a private part, and neither that nor an erasure stands here');
      return;
    }
    if (isSealed(part)) {
      state.parts++;
      if (one.privateCommitment === null) add('private_changed', where, 'it has a private part that its hash knows nothing of');
      else if (commitmentOf(part) !== one.privateCommitment) add('private_changed', where, 'its private part is not the one that was committed to');
      return;
    }
    state.erased++;
    untold.set(one.seq, part.erased_seq);
  }

  function event(one: ChainedEvent, part: ExportedPart | undefined): void {
    state.events++;
    if (state.events % PROGRESS_EVERY === 0) progress?.(state.events);
    if (one.authorityId !== header?.chain)
      add('foreign_event', `event ${one.seq}`, `it is of the chain ${one.authorityId}, and the header says ${header?.chain}`);
    const why = whyChanged(one);
    if (why !== undefined) add('changed', `event ${one.seq}`, why);
    place(one);
    checkPart(one, part);
    if (one.type === 'event.erased' && one.subjectKind === 'event') told.set(one.seq, Number(one.subjectId));
    checks?.event(one.seq, one.hash);
  }

  const parsed = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  };

  return {
    /** The next line, without its line break. @throws NoExport when the first one is no header */
    line(text: string): Promise<void> | undefined {
      state.line++;
      if (state.line === 1) {
        digest.update(`${text}\n`);
        return begin(text);
      }
      const where = `line ${state.line}`;
      const value = parsed(text);
      const read = readLine(value);
      const why = read && whyAmbiguous(text, value);
      if (read && why !== undefined) add('ambiguous', 'event' in read ? `event ${read.event.seq}` : where, why);
      if (read && 'end' in read) {
        state.ended = true;
        const { seq, head, events, sha256: said } = read.end;
        if (seq !== state.seq || head !== state.head || events !== state.events)
          add('closing', where, `it says ${events} event(s) up to ${seq}; here are ${state.events} up to ${state.seq}`);
        if (digest.hex() !== said) add('closing', where, 'the file before it does not have the digest that it says');
        return undefined;
      }
      if (state.ended) {
        add('closing', where, 'something stands behind the end');
        return undefined;
      }
      digest.update(`${text}\n`);
      if (!read) add('unreadable', where, 'it is no line of an export');
      else if ('checkpoint' in read) return checks?.found(read.checkpoint, where);
      else event(eventOfLine(read), read.private);
      return undefined;
    },

    /** @throws NoExport when there was no line */
    end(): AuditResult {
      if (!header || !checks) throw new NoExport();
      for (const [first, to] of gaps) add('missing', `event ${first}`, first === to ? 'it is not here' : `events ${first} to ${to} are not here`);
      if (header.to !== null && header.to !== state.seq) add('header', 'header', `it says that the file goes to event ${header.to}; it goes to ${state.seq}`);
      if (!state.ended) add('closing', `line ${state.line}`, 'the file ends without its last line');
      for (const [seq, by] of untold)
        if (by <= seq || (by <= state.seq && told.get(by) !== seq))
          add('private_missing', `event ${seq}`, `event ${by} is said to tell of its erasure, and does not`);
      const { provenTo, verified, beyond } = checks.end();
      return {
        chain: header.chain,
        entityId: header.entity_id,
        madeAt: header.made_at,
        from: header.from,
        seq: state.seq,
        head: state.head,
        events: state.events,
        checkpoints: verified,
        provenTo,
        beyond,
        privateParts: state.parts,
        erased: state.erased,
        findings,
        findingsLeftOut: leftOut,
      };
    },
  };
}

/** What was given is no export at all. */
export class NoExport extends Error {
  constructor() {
    super('this is no audit export: its first line is no header. Make one with: holdfast audit export -o <file>');
  }
}
