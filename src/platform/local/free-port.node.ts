import { type AddressInfo, createServer } from 'node:net';

const isFree = (port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(undefined));
    probe.listen(port, '127.0.0.1', () => {
      const { port: bound } = probe.address() as AddressInfo;
      probe.close(() => resolve(bound));
    });
  });

/** The first of these ports, or any other one where another program has it: each run says the same, if it can. @param ports is taken from */
export async function freePort(ports: number[]): Promise<number> {
  const port = (await isFree(ports.shift() ?? 0)) ?? (await isFree(0));
  if (port === undefined) throw new Error('no port of 127.0.0.1 is free');
  return port;
}
