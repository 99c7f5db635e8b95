/** What the parts of the API are about, by the name that its operations carry. */
export const TAGS = {
  Authorities: 'Trust anchors and intermediates of this deployment: their settings, and what stops one of them at once.',
  Keys: 'Signing keys of an authority: made, published ahead, activated, retired, revoked.',
  Members: 'Immediate Subordinates: enrolled, approved, suspended, revoked; what is published about each.',
  Accreditations: 'What members are accredited by, the evidence for it, and what an authority demands.',
  Applications: 'Strangers who want to become members: the links they come by, what is said, who takes and refuses.',
  Agents: 'Authorities in which members make and retire agents of their own, and how many.',
  Organizations: 'The legal bodies that members belong to.',
  Halts: 'Cutting off: what it would reach, the act, and what is answered since.',
  'Import and export': 'Many members at a time.',
  Issuers: 'Identity providers and platforms that members stand for, and for whom each may speak.',
  Registration: 'How members become clients of authorization servers: software statements, initial access tokens, the clients that servers reported.',
  Entitlements: 'What members may ask for as clients, each by itself and in bundles; it becomes metadata policy.',
  Policies: 'Metadata policies and constraints: drafted, replayed against members, published.',
  'Trust marks': 'Types, grants and delegations of trust marks, and those that an authority holds itself.',
  Resolving: 'Anchors, what was found below them, and how entities were judged.',
  Watching: 'What looks at the configurations of members have shown.',
  Jobs: 'Long work: how far it is, and how it ended.',
  Events: 'The audit trail: who did what, in a hash chain.',
  Audit: 'Proof of what happened: checkpoints, the keys that sign them, exports, what was erased.',
  People: 'Persons, their roles and how they sign in.',
  Approvals: 'What one person has decided and takes another one.',
  Access: 'API keys, and who is asking.',
  Deployment: 'The clock, and what counts for all authorities.',
  Restore: 'A restored history, and its confirmation.',
} as const;
export type Tag = keyof typeof TAGS;

/** What is said of the contract as a whole. */
export const ABOUT = {
  openapi: '3.1.0',
  servers: [{ url: '/', description: 'The server that this document comes from' }],
  info: {
    title: 'Holdfast admin API',
    version: '1',
    description:
      'Enrol members, run authorities and their keys, policies and jobs. Errors are RFC 9457 problem details with a stable code. What writes takes dry_run=true: it is decided as always, answered with what would come of it, and nothing is changed.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
};
