/** What an audit can find, and what to do about it. */
export const AUDIT_FINDINGS = {
  unreadable: 'the file is damaged or was edited: make it anew, and keep this one',
  header: 'the header says something else than the file holds: ask whoever made it, and make it anew',
  foreign_event: 'an event of another chain stands here: somebody put the file together',
  changed: 'this event is not the one that was written: keep the file, compare with another export and with a backup from before',
  missing: 'events were taken out: compare with another export and with a backup',
  order: 'events were moved: compare with another export and with a backup',
  broken: 'the history was cut here and joined with another one: compare with another export and with a backup',
  private_changed: 'what people read of this event is not what was written; the event itself is sound',
  private_missing: 'its private part is gone and no event tells of an erasure',
  truncated: 'events that a signed checkpoint names are gone from the end: find out who holds the checkpoint, and restore the history it names',
  rewritten: 'the history before a signed checkpoint was written anew: restore the history that the checkpoint names',
  fork: 'THE AUTHORITY SIGNED TWO HISTORIES. Keep both checkpoints, tell everyone who relies on it, and find out which of them was shown to whom',
  ambiguous: 'somebody wrote this line anew: what a reader shows of it may be another thing than what was proven; make the file anew, and keep this one',
  checkpoint_unreadable: 'this is no checkpoint; give what <authority>/checkpoints/latest serves',
  checkpoint_foreign: 'it is of another authority and proves nothing here',
  checkpoint_key: 'it is signed by no audit key of this authority: it proves nothing, and somebody made it',
  checkpoint_order: 'the series of checkpoints is not whole: one was taken out, or comes from another series',
  checkpoint_missing: 'a checkpoint that was seen is not in this file, which was made later: the series was shortened or the database went back',
  closing: 'the file does not end as it was made: it was cut short or edited; make it anew, and keep this one',
} as const satisfies Record<string, string>;
export type AuditCode = keyof typeof AUDIT_FINDINGS;

export interface AuditFinding {
  readonly code: AuditCode;
  /** The event, or the line of the file. */
  readonly where: string;
  readonly detail: string;
}
