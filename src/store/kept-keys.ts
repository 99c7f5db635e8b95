import type { ArtefactKind } from './schema.js';

/** Under which names the public plane keeps what it has read, and which of them a change of the store ends. */

/** Where the Client ID Metadata Document of a member lies among the resolve responses about it: it ends whenever they do. */
export const CLIENT_DOCUMENT = 'client metadata document';

export const KEYS = {
  authorities: 'authorities',
  state: (authorityId: string) => `${authorityId} state`,
  artefact: (authorityId: string, kind: ArtefactKind, key: string) => `${authorityId} ${kind} ${key}`,
  checkpoint: (authorityId: string, seq: number | undefined) => `${authorityId} checkpoint ${seq ?? 'latest'}`,
  auditKeys: (authorityId: string) => `${authorityId} audit keys`,
  anchors: (authorityId: string) => `${authorityId} anchors`,
  evaluation: (authorityId: string, subject: string, trustAnchor: string) => `${authorityId} evaluation ${subject}\n${trustAnchor}`,
  resolved: (authorityId: string, subject: string, variant: string) => `${authorityId} resolve ${subject}\n${variant}`,
  client: (authorityId: string, memberId: string) => `${authorityId} client ${memberId}`,
  markHash: (mark: string) => `hash of ${mark}`,
  statusList: (authorityId: string, list: string) => `${authorityId} status list ${list}`,
};

/** What is dropped together. */
export const GROUPS = {
  /** Resolve responses: they rest on what lies anywhere in the deployment. */
  answers: 'resolve responses',
  answersAbout: (authorityId: string, subject: string) => `${authorityId} resolve responses about ${subject}`,
  clients: 'client documents',
  statusLists: 'status lists',
  checkpoints: (authorityId: string) => `${authorityId} checkpoints`,
  /** Pages of the extended listing: they tell of members and their statements. */
  pages: (authorityId: string) => `${authorityId} pages`,
  /** Lists of all members, of one Entity Type, of a union of several. */
  lists: (authorityId: string, types: 0 | 1 | 2) => `${authorityId} list ${types}`,
};

/** Something that a commit has changed of what is kept. */
export interface PublicChange {
  readonly what: 'all' | 'artefact' | 'ground' | 'member' | 'evaluation' | 'links' | 'anchors' | 'checkpoints' | 'audit_keys' | 'events' | 'statements';
  readonly authorityId: string | null;
  readonly kind: ArtefactKind | null;
  readonly key: string | null;
  readonly variant: string | null;
}

/** What is to be dropped: entries by their keys, and all entries of groups. */
export interface Forget {
  readonly keys: readonly string[];
  readonly groups: readonly string[];
}

/** Only of changes that are told one by one: `all` leaves nothing. */
export function forgetting(changes: readonly PublicChange[]): Forget {
  const keys = new Set<string>();
  const groups = new Set<string>();
  for (const { what, authorityId, kind, key, variant } of changes) {
    const authority = String(authorityId);
    switch (what) {
      case 'artefact':
        if (kind === 'resolve' && variant === CLIENT_DOCUMENT) groups.add(GROUPS.clients);
        else if (kind === 'resolve') keys.add(KEYS.resolved(authority, String(key), String(variant)));
        else if (kind === 'status_list') keys.add(KEYS.statusList(authority, String(key)));
        else if (kind !== null) keys.add(KEYS.artefact(authority, kind, String(key)));
        if (kind === 'statement') groups.add(GROUPS.pages(authority));
        break;
      case 'ground':
        groups.add(GROUPS.answers).add(GROUPS.clients);
        break;
      case 'member':
        for (const types of [0, 1, 2] as const) groups.add(GROUPS.lists(authority, types));
        groups.add(GROUPS.clients).add(GROUPS.pages(authority));
        break;
      case 'evaluation':
        keys.add(KEYS.evaluation(authority, String(key), String(variant)));
        // What leads to an answer at once was led to it by the evaluation, and by the anchors.
        groups.add(GROUPS.answersAbout(authority, String(key)));
        break;
      case 'links':
        groups.add(GROUPS.answersAbout(authority, String(key))).add(GROUPS.clients);
        break;
      case 'anchors':
        keys.add(KEYS.anchors(authority));
        groups.add(GROUPS.answers);
        break;
      case 'checkpoints':
        groups.add(GROUPS.checkpoints(authority));
        break;
      case 'audit_keys':
        keys.add(KEYS.auditKeys(authority));
        break;
      case 'events':
        groups.add(GROUPS.statusLists);
        break;
      case 'statements':
        groups.add(GROUPS.pages(authority));
        break;
      case 'all':
        throw new Error('everything has changed: there is nothing to pick');
    }
  }
  return { keys: [...keys], groups: [...groups] };
}
