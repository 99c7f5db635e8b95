import { EXIT } from './exit-codes.js';
import { progress, progressEnds, talk } from './output.js';
import type { Client } from './client.js';
import { path } from './shell.js';

/**
 * Do something long. Ctrl-C ends the command and says how to go on, or that nothing is to be done.
 * @param goOn what is said; asked when it is needed
 * @param cleanUp what has to be gone by then
 */
export async function interruptible<T>(goOn: () => string, work: () => Promise<T>, cleanUp: () => void = () => undefined): Promise<T> {
  const hear = () => {
    progressEnds();
    cleanUp();
    talk(goOn());
    process.exit(EXIT.interrupted);
  };
  process.once('SIGINT', hear).once('SIGTERM', hear);
  try {
    return await work();
  } finally {
    process.off('SIGINT', hear).off('SIGTERM', hear);
  }
}

export interface JobView {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly done: number;
  readonly total: number;
  readonly refused: number;
  readonly updated_at: number;
  readonly params: { readonly dry_run?: boolean };
}

const EVERY_MS = 500;

/**
 * Wait for a job of the server, which goes on whether anybody waits or not.
 * @param after what is to be done once it has ended, for whoever does not wait
 */
export const jobDone = (client: Client, authority: string, job: JobView, shown: (job: JobView) => string, after?: string): Promise<JobView> =>
  interruptible(
    () => `the job goes on without you; look at it with: npx holdfast --authority ${authority} job show ${job.id}${after === undefined ? '' : `; ${after}`}`,
    async () => {
      let one = job;
      while (one.state === 'running') {
        progress(shown(one));
        await new Promise((done) => setTimeout(done, EVERY_MS));
        one = await client.get<JobView>(path('authorities', authority, 'jobs', job.id));
      }
      progressEnds();
      return one;
    },
  );
