import { startPostgres } from './postgres-server.js';

/** One server for the project, of the oldest version that works; tests of processes take the newest. Each file has databases of its own. */
export async function setup(): Promise<() => Promise<void>> {
  const server = await startPostgres([], undefined, 'oldest');
  process.env['HOLDFAST_TEST_POSTGRES'] = server.url('postgres');
  return () => server.stop();
}
