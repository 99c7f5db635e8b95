import type { Config } from './config.js';
import { oneAtATime } from './data-lock.node.js';
import { databaseFile, type NodeDeployment, writeCredentials } from './deployment.node.js';
import { type FirstStart, firstStart } from './first-start.js';
import { firstOnPostgres } from './first-on-postgres.node.js';
import { lease } from '../store/schema.js';

type Opened<T> = FirstStart & { readonly deployment: T };

/** Open a deployment and make what it needs, once, however many processes start on the database at the same time. */
export function openFirst<T extends NodeDeployment>(config: Config, open: () => T, entityId?: string): Promise<Opened<T>> {
  const turn = <R>(work: (alone: boolean) => Promise<R>) =>
    config.database ? firstOnPostgres(config.database, work) : oneAtATime(databaseFile(config.data), work);
  return turn(async (alone) => {
    const deployment = open();
    try {
      // Whoever held a lease has ended: what it was doing goes on at once.
      if (alone) await deployment.store.write([deployment.store.db.delete(lease)]);
      const made = await firstStart(deployment, config.url, config.adminToken, entityId, config.organizationName);
      if (made.token !== undefined) writeCredentials(config.data, { url: new URL(config.url).origin, token: made.token });
      return { ...made, deployment };
    } catch (error) {
      await deployment.close();
      throw error;
    }
  });
}
