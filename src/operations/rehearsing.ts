import { rehearsingCustody } from '../keys/rehearsing.js';
import { type EvidenceFiles, measured } from '../store/evidence-files.js';
import type { Store } from '../store/store.js';
import type { Call } from './call.js';
import type { Explorer } from './explorer.js';

/**
 * The call as a rehearsal (`dry_run`): everything is read, asked and decided as always, and whatever would be kept is not. It is
 * no matter of each operation: what it is given cannot write. So a permission, a state, a finding or a second person that is
 * missing is told as the call itself would tell it.
 */
export const rehearsing = <T>({ idempotency: _, ...call }: Call<T>): Call<T> => ({
  ...call,
  rehearsal: true,
  store: reading(call.store),
  custody: rehearsingCustody(call.custody),
  explorer: asking(call.explorer),
  evidence: call.evidence && measuring(call.evidence),
});

/** What has no event changes no state (store/store.ts), so no answer lacks it. */
const reading = ({ db, acknowledged, rehearse, probe }: Store): Store => ({
  db,
  acknowledged,
  change: rehearse,
  rehearse,
  write: async () => undefined,
  probe,
});

/** Questions whose answer is stored by whoever finds it out. */
const STORED: readonly string[] = ['evaluate', 'impact'];
const asking = (explorer: Explorer): Explorer => ({
  ask(question, asked) {
    if (STORED.includes(question)) throw new Error(`a rehearsal does not ask what is stored: ${question}`);
    return explorer.ask(question, asked);
  },
});

const measuring = (files: EvidenceFiles): EvidenceFiles => ({
  take: async (body, keep) => keep(await measured(body)),
  open: (sha256) => files.open(sha256),
  remove: async () => undefined,
});

/** What is done once the change is committed: of a rehearsal nothing is. */
export const afterwards = async (call: Pick<Call, 'rehearsal'>, act: () => unknown): Promise<void> => {
  if (!call.rehearsal) await act();
};
