/** Something in the database that cannot be. */
export interface Damage {
  readonly code: DamageCode;
  readonly authority: string;
  /** Where: an artefact, a member, an event, a row. */
  readonly where: string;
  readonly detail: string;
}

export type Add = (code: DamageCode, where: string, detail: string) => void;

const SIGN_ANEW = 'suspend and resume the member, which signs it anew; of an authority itself, or when there are many, restore a backup';
const FOREIGN = 'something else has written to the database: keep a copy of it, then restore the newest sound backup';

/** What each is, and what to do about it. */
export const REMEDIES = {
  cell_unreadable: 'restore a sound backup: no command reads or repairs such a row',
  rows_unreadable: 'the file is damaged: stop the server, keep the file, restore the newest sound backup',
  artefact_hash: SIGN_ANEW,
  artefact_signature: SIGN_ANEW,
  artefact_claims: SIGN_ANEW,
  artefact_missing: SIGN_ANEW,
  artefact_orphan: 'revoke the member (or withdraw the mark), which takes it away; before you do, ask how it came there',
  artefact_of_nobody: FOREIGN,
  event_hash: `${FOREIGN}, and compare its head with the heads that others keep`,
  event_gap: `${FOREIGN}, and compare its head with the heads that others keep`,
  event_private: `${FOREIGN}; the event itself is sound, and what people read of it is not what was written`,
  checkpoint: `${FOREIGN}, and compare it with the checkpoints that others keep`,
  key_missing: 'make one: holdfast key generate, then holdfast key activate',
  key_index: 'holdfast member reindex',
  spelling: 'holdfast member reindex',
  issuer_index:
    'add an issuer to the member and end it again (holdfast issuer), which writes the table anew; of a member that has ended, restore a sound backup',
  place: 'start the server anew: it fills in what is missing; when it is there and another one, restore a sound backup',
  compromised_key: 'say so again, which takes it from whoever has it: holdfast --authority <its authority> key revoke <key> --reason compromised',
  row_of_nobody: FOREIGN,
  barred_and_living: 'revoke the member, and ask how it came there; only an approver takes a barred identifier back (member enroll --readmit)',
  halted_and_bound: 'say so again, which takes it from whoever has it: holdfast halt key <key> --reason …',
  decided_by_too_few: FOREIGN,
  registered_otherwise:
    'revoke it (holdfast software-statement revoke, holdfast initial-access-token revoke), or have its server end the client; then ask who wrote to the database',
  registration_events: 'the running deployment puts it right, within an hour at 10 000 members',
  evidence_missing: 'bring the file back from a backup of the folder of evidence; nothing that is served depends on it',
  evidence_changed: 'something else has written to the folder of evidence: bring the file back from a backup of it; nothing that is served depends on it',
  note_unreadable:
    'what it was to make due is not served if it must not be, and the running deployment makes another note of what is not signed anew yet. The row itself does no harm',
  statement_unsignable: 'change what the detail names: the entitlements of the member (holdfast entitlement), its bundles, what is said of it, or the policy',
  status_place: FOREIGN,
  status_list: 'the running deployment puts it right: it signs each list anew every minute, from the rows',
  signed_until: 'do not retire this key by force: what it signed lasts longer than is on record. The next renewal corrects it',
} as const satisfies Record<string, string>;
export type DamageCode = keyof typeof REMEDIES;

const MENDED: readonly DamageCode[] = [
  'key_index',
  'spelling',
  'issuer_index',
  'place',
  'compromised_key',
  'registration_events',
  'statement_unsignable',
  'status_list',
  'signed_until',
  'evidence_missing',
  'evidence_changed',
];

/** It is put right in the running deployment, by itself or by whoever runs it, so it is no reason against a backup. */
export const isMended = ({ code }: Damage): boolean => MENDED.includes(code);
