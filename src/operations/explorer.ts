import type { EntityStatement, Finding, JwkSet, Metadata, ProfileFinding, Result } from '../federation/entry.js';
import type { JudgedMark } from '../resolver/judge-marks.js';
import type { Verdict } from '../resolver/evaluate.js';
import type { WalkStep } from '../resolver/walk.js';
import type { Judged } from './judged.js';

/** What pre-flight found out. Warnings do not stop an enrolment: the entity can mend them afterwards. */
export interface Preflight {
  readonly entityId: string;
  readonly source: 'fetched' | 'uploaded';
  /** Errors first. */
  readonly findings: readonly Judged[];
  readonly entityTypes: readonly string[];
  readonly intermediate: boolean;
  /** The keys that can be bound; null when none can. */
  readonly jwks: JwkSet | null;
  readonly iat: number | null;
  readonly metadata: Metadata | null;
}

/** What holds of an entity under one anchor, for people. */
export type Explained = { readonly trustAnchor: string } & (
  | {
      readonly state: 'valid';
      readonly exp: number;
      readonly metadata: Metadata;
      readonly trustChain: readonly string[];
      readonly trustMarks: readonly JudgedMark[];
    }
  | Exclude<Verdict, { readonly state: 'valid' }>
);

export interface Explanation {
  readonly under: readonly Explained[];
  readonly steps: readonly WalkStep[];
}

/** A mark about us, as its issuer's keys prove it. */
export interface ReadMark {
  readonly iss: string;
  readonly type: string;
  readonly exp: number | null;
}

/** Pinned keys against the ones an anchor serves: `kid` of those served and not pinned, and of those no longer served. */
export interface ComparedKeys {
  readonly findings: readonly Finding[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** The keys that a superior elsewhere states for an identifier. */
export interface StatedKeys {
  readonly superior: string;
  readonly jwks: JwkSet;
}

/** The keys a superior's statement lists for one of our authorities, and how long (seconds) it is valid from `iat` to `exp`. */
export interface ListedKeys {
  readonly kids: readonly string[];
  readonly lifetime: number;
}

/**
 * Every question of an operation whose answer takes reading what strangers send. Question and answer are plain values that
 * survive a structured clone: they may be answered in another thread.
 */
export interface Questions {
  /** Evaluate an entity and tell every step; under one anchor, or under all the authority has. Nothing is stored. */
  explain: { asked: { readonly slug: string; readonly entityId: string; readonly trustAnchor: string | undefined }; answer: Explanation };
  /** Evaluate an entity and store what is found. */
  evaluate: { asked: { readonly slug: string; readonly entityId: string }; answer: undefined };
  preflight: {
    asked: {
      readonly slug: string;
      readonly entityId: string;
      readonly configuration: string | undefined;
      readonly profile: string | undefined;
      /** Only what the entity itself shows: a stranger is told nothing about others. */
      readonly own?: boolean;
    };
    answer: Preflight;
  };
  /** An authority of ours against a profile. */
  checkAuthority: { asked: { readonly slug: string; readonly profile: string }; answer: readonly ProfileFinding[] };
  /** A valid Entity Configuration, fetched, or uploaded as `configuration`; `superior`: an authority of ours that may host it. */
  configuration: {
    asked: { readonly entityId: string; readonly configuration: string | undefined; readonly superior?: string };
    answer: Result<EntityStatement>;
  };
  /** Does the host of an identifier show a token of ours, and by which way; else why not. */
  domainControl: {
    asked: { readonly entityId: string; readonly token: string; readonly method: 'well_known' | 'dns' };
    answer: { readonly shown: boolean; readonly why?: string };
  };
  /** The keys an anchor serves now, against those pinned. */
  compareKeys: { asked: { readonly entityId: string; readonly pinned: JwkSet }; answer: ComparedKeys };
  /** Which keys a superior lists for an authority of ours; undefined when it cannot be read. */
  listedKeys: { asked: { readonly superior: string; readonly subject: string }; answer: ListedKeys | undefined };
  /** Which keys superiors elsewhere state for an identifier; who states nothing that can be verified is left out. */
  statedKeys: { asked: { readonly superiors: readonly string[]; readonly subject: string }; answer: readonly StatedKeys[] };
  /** What is wrong with a metadata policy under the one a superior lays on an authority of ours: warnings where that cannot be read. */
  policyUnder: {
    asked: { readonly superior: string; readonly subject: string; readonly policy: Readonly<Record<string, unknown>> };
    answer: readonly Judged[];
  };
  /** A mark that another entity issued to one of our authorities. */
  mark: { asked: { readonly subject: string; readonly mark: string }; answer: Result<ReadMark> };
  /** Replay policies against the next slice of what members declare; how many were replayed. */
  impact: { asked: Record<never, never>; answer: number };
}
export type Question = keyof Questions;

/**
 * Who reads strangers. Where answering and cutting share a process with discovery, this is another thread with a database
 * connection of its own (OpenID Federation 1.0 §18.1); elsewhere the question is answered at once (explore-directly.ts).
 */
export interface Explorer {
  /** @throws Refusal `temporarily_unavailable` when no answer comes: it took too long, or the thread ended over it */
  ask<Q extends Question>(question: Q, asked: Questions[Q]['asked']): Promise<Questions[Q]['answer']>;
}
