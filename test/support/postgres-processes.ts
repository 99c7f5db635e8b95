import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { testKey } from './keys.js';
import { asOwner, newDatabase as emptyDatabase } from './postgres-database.js';
import type { PostgresServer } from './postgres-server.js';
import { admin, type Server, startProcess, tempFolder } from './process.js';

/** What processes of one deployment on PostgreSQL have in common. */
const TOKEN = 'owner-token-of-these-tests';
export const SEAL = Buffer.alloc(32, 3).toString('base64');

export interface Process extends Server {
  /** Where it listens; `url` is the same for all of them. */
  readonly at: string;
}

/** A database of its own on a server. @returns its URL, as its owner */
export const newDatabase = async (server: PostgresServer): Promise<string> => asOwner(await emptyDatabase(server));

/** A process of the deployment: a folder and a port of its own. */
export async function processOn(database: string, { env, args }: { env?: Record<string, string>; args?: readonly string[] } = {}): Promise<Process> {
  const folder = join(tempFolder(), 'data');
  mkdirSync(folder);
  const server = await startProcess(folder, {
    ...(args && { args }),
    env: { HOLDFAST_DATABASE: database, HOLDFAST_URL: 'http://localhost:8080', HOLDFAST_SEAL_KEY: SEAL, HOLDFAST_ADMIN_TOKEN: TOKEN, ...env },
  });
  return { ...server, token: TOKEN, at: server.url };
}
export const publicOnly = (database: string, env: Record<string, string> = {}): Promise<Process> =>
  processOn(database, { args: ['--public-only'], env: { HOLDFAST_SEAL_KEY: '', HOLDFAST_ADMIN_TOKEN: '', ...env } });

export const SUBJECT = 'https://rp.example.com';
export const FETCH = `/fetch?sub=${encodeURIComponent(SUBJECT)}`;
export const MEMBER = `/authorities/main/members/${encodeURIComponent(SUBJECT)}`;
export const statusOf = async (of: Process, path: string): Promise<number> => (await fetch(`${of.at}${path}`)).status;
export const enrol = async (at: Process, entity_id: string) =>
  admin(at, 'POST', '/authorities/main/members', { entity_id, jwks: { keys: [(await testKey()).jwk] }, activate: true });

/** However busy the machine is, what is waited for comes sooner. */
const PATIENCE_MS = 90_000;
/** Wait for something to come to pass. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await holds()); await new Promise((done) => setTimeout(done, 25)))
    if (performance.now() > end) throw new Error('it does not come to pass');
}
