import { type IncomingHttpHeaders, request } from 'node:http';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '../../../cli/client.js';
import type { JwkSet } from '../../../federation/entry.js';
import { newSealKey } from '../../../keys/random.js';
import { freePort } from '../free-port.node.js';
import { localhostCertificate } from './certificate.node.js';
import { type Child, startChild } from './child.node.js';
import { type Behind, startFront } from './front.node.js';

/** Where the scripts are that the processes run. */
export interface Scripts {
  /** Of Holdfast itself: `serve`. */
  readonly main: string;
  /** The folder of the parties, one each. */
  readonly examples: string;
}

/** A public URL that something answers at, or will. */
export interface Place {
  readonly url: string;
  answers(behind: Behind): void;
}

/** A Holdfast process, and how its operator reaches it: on this machine, past the https in front. */
export interface Holdfast {
  readonly url: string;
  readonly child: Child;
  readonly admin: Client;
  /** The owner's token. */
  readonly token: string;
  /** Where it listens itself. */
  readonly local: string;
  /** What it answers at a public URL of its own. */
  look(url: string): Promise<Looked>;
  /** Its keys, as somebody else would have got them out of band. */
  keys(): Promise<JwkSet>;
}

export interface Looked {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Stage {
  readonly folder: string;
  readonly scripts: Scripts;
  readonly children: readonly Child[];
  place(): Promise<Place>;
  holdfast(name: string): Promise<Holdfast>;
  /** A party of `examples/`, ready; it listens on a port of its own behind its place. */
  party(name: string, folder: string, env: NodeJS.ProcessEnv, place?: Place): Promise<Child>;
  /** End every child, and remove the folder. The same however often it is asked. */
  close(): Promise<void>;
}

/** The same in each run, where no other program has them. */
const PORTS = [7110, 7120, 7130, 7140, 7150, 7160, 7170, 7180];
export async function openStage(scripts: Scripts): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
  const ports = [...PORTS];
  const certificate = await localhostCertificate(folder);
  const front = startFront(certificate);
  const children: Child[] = [];
  const common = { NODE_EXTRA_CA_CERTS: certificate.file };
  let closed: Promise<void> | undefined;

  function begin(name: string, script: string, how: Parameters<typeof startChild>[2]): Child {
    if (closed) throw new Error('stopped');
    const child = startChild(name, script, { ...how, env: { ...common, ...how.env } });
    children.push(child);
    return child;
  }
  async function place(): Promise<Place> {
    const port = await freePort(ports);
    const url = (at: number) => `https://localhost:${at}`;
    try {
      return { url: url(port), answers: await front.open(port) };
    } catch {
      // Somebody else was quicker, or has it at another address of this machine.
      const other = await freePort([]);
      return { url: url(other), answers: await front.open(other) };
    }
  }

  return {
    folder,
    scripts,
    children,
    place,
    async holdfast(name) {
      const { url, answers } = await place();
      const port = await freePort([]);
      const data = join(folder, name);
      const env = {
        HOLDFAST_URL: url,
        HOLDFAST_PORT: String(port),
        HOLDFAST_HOST: '127.0.0.1',
        HOLDFAST_DATA: data,
        HOLDFAST_SEAL_KEY: newSealKey(),
        HOLDFAST_LOG: 'error',
        // What is looked at is looked at when it is asked for; the demo waits for no crawl.
        HOLDFAST_DISCOVERY: 'off',
        HOLDFAST_OUTBOUND_ALLOW: '127.0.0.0/8,::1/128',
      };
      const child = begin(name, scripts.main, { args: ['serve'], env, plain: true });
      await child.until(({ text }) => String(text).includes('ready after'), 'it is ready');
      answers({ port });
      const { token } = JSON.parse(readFileSync(join(data, 'cli.json'), 'utf8')) as { readonly token: string };
      const local = `http://127.0.0.1:${port}`;
      const admin = createClient({ url: local, token });
      const keys = async (): Promise<JwkSet> => {
        const { items } = await admin.get<{ items: { state: string; jwk: JwkSet['keys'][number] }[] }>('/authorities/main/keys');
        return { keys: items.filter(({ state }) => state === 'active').map(({ jwk }) => jwk) };
      };
      return { url, child, admin, token, local, keys, look: (asked) => look(port, asked) };
    },
    async party(name, party, env, at) {
      const script = join(scripts.examples, party, `${party}.mjs`);
      if (!existsSync(script)) throw new Error(`there is no ${script}`);
      const port = await freePort([]);
      const child = begin(name, script, { env: { PORT: String(port), ...(at && { PUBLIC_URL: at.url }), ...env } });
      at?.answers({ port });
      await child.until(({ event }) => event === 'ready', 'it is ready');
      return child;
    },
    close() {
      closed ??= (async () => {
        await Promise.all([...children].reverse().map((one) => one.stop()));
        await front.close();
        rmSync(folder, { recursive: true, force: true });
      })();
      return closed;
    },
  };
}

/** As the front asks, so that nobody has to trust the certificate of a day. */
function look(port: number, url: string): Promise<Looked> {
  const { host, pathname, search } = new URL(url);
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path: `${pathname}${search}`, headers: { host, 'x-forwarded-proto': 'https' }, agent: false },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          text += chunk;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
        answer.on('error', reject);
      },
    );
    asked.on('error', reject).end();
  });
}
