import type { Role } from '../store/schema.js';

/**
 * What works in the background is nobody: it may look after what people have decided, and decides nothing itself. An applicant and
 * a member have none of these permissions: what is their own says the token of the one (operations/join) and the key of the other
 * (operations/registering). A member that keeps agents has some at the authority for them, and nowhere else (operations/agents).
 */
export type Background = 'background' | 'applicant' | 'member' | 'agent_keeper';

/** Which roles may what: roles are bundles of permissions, and this table is all there is of it. Quick to cut, slow to widen: everything that cuts needs no approver. */
const PERMISSIONS = {
  read: ['owner', 'operator', 'approver', 'responder', 'auditor', 'background', 'agent_keeper'],
  /** Read what was handed in as proof: it holds secrets of others, and each reading is told. */
  evidence: ['owner', 'operator', 'approver', 'auditor'],
  enroll: ['owner', 'operator', 'agent_keeper'],
  approve: ['owner', 'approver', 'agent_keeper'],
  cut: ['owner', 'operator', 'responder', 'agent_keeper'],
  /** Withhold what a key signed. */
  keys: ['owner', 'operator'],
  /** Make, stage, activate and retire keys, each when it is ready: by hand or by schedule. */
  rotate: ['owner', 'operator', 'background'],
  /** Bind the keys that a member shows in a configuration which a key we vouch for has signed. */
  follow: ['owner', 'operator', 'background'],
  /** Crawl below an anchor that a person has pinned. */
  crawl: ['owner', 'operator', 'background'],
  draft: ['owner', 'operator', 'approver'],
  /** Make the service ask the network about entities of the caller's choice. Auditors read what is there. */
  probe: ['owner', 'operator', 'approver'],
  administer: ['owner'],
} as const satisfies Record<string, readonly (Role | Background)[]>;
export type Permission = keyof typeof PERMISSIONS;

export const permits = (role: Role | Background, permission: Permission): boolean => (PERMISSIONS[permission] as readonly (Role | Background)[]).includes(role);

/** Nobody is given one of these. */
const INTERNAL: ReadonlySet<string> = new Set<Background>(['background', 'applicant', 'member', 'agent_keeper']);

/** `owner or operator`. */
export const rolesThatMay = (permission: Permission): string => PERMISSIONS[permission].filter((role) => !INTERNAL.has(role)).join(' or ');

export interface CallingPerson {
  readonly name: string;
  readonly roles: readonly HeldRole[];
}

/** A role grant in force. */
export interface HeldRole {
  readonly id: string;
  readonly role: Role;
  /** Slug; null: all authorities, and the deployment itself. */
  readonly authority: string | null;
}

/** Does one of these roles, held for this authority or for all, permit it? */
export const mayBy = (roles: readonly HeldRole[], permission: Permission, slug: string | null): boolean =>
  roles.some(({ role, authority: of }) => (of === null || of === slug) && permits(role, permission));
