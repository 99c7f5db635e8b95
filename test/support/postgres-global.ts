import { startPostgres } from './postgres-server.js';

/** One server for the project; each of its processes makes databases of its own. */
export async function setup(): Promise<() => Promise<void>> {
  const server = await startPostgres();
  process.env['HOLDFAST_TEST_POSTGRES'] = server.url('postgres');
  return () => server.stop();
}
