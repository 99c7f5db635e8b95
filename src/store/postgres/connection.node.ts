import pg from 'pg';
import { WORDS_SCHEMA } from './functions.js';

/** Which server of a cluster: the one that writes, or any that answers. */
export type ServerRole = 'primary' | 'any';

export interface Rows {
  readonly names: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** The connection or its server went away: what was sent may have been carried out, or not. */
export class ConnectionLost extends Error {}

/** Shutting down, too many connections, connection errors, a server that only reads; what the network says. */
const GONE = /^(57P0|53300|08|25006|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_)/;
export const codeOf = (error: unknown): string => String((error as { readonly code?: unknown } | undefined)?.code ?? '');
const WORDS = /Connection terminated|Query read timeout|not queryable|timeout expired|timeout exceeded/i;
export const isGone = (error: unknown): boolean =>
  error instanceof ConnectionLost || GONE.test(codeOf(error)) || (error instanceof Error && codeOf(error) === '' && WORDS.test(error.message));

/** int8, int2, int4, float8 and numeric are numbers here, booleans are 0 and 1 as on SQLite; all else is text. */
const NUMBERS = new Set([20, 21, 23, 701, 1700]);
const BOOLEAN = 16;
const asIs = (text: string) => text;
const types = {
  getTypeParser: (oid: number) => (NUMBERS.has(oid) ? Number : oid === BOOLEAN ? (text: string) => (text === 't' ? 1 : 0) : asIs),
} as unknown as pg.CustomTypesConfig;

/** As text, which the server reads as what the statement needs. */
const bound = (value: unknown): string | null =>
  value === null || value === undefined ? null : typeof value === 'boolean' ? (value ? '1' : '0') : String(value);

const ESCAPED_NUL = /(?<!\\)((?:\\\\)*)\\u0000/g;
/**
 * What is asked for in a statement that only reads: PostgreSQL holds no U+0000, so nothing with one is found. In its place stands
 * a character that is none. What is written is not touched: it is refused.
 */
export const askedFor = (value: unknown): unknown => (typeof value === 'string' ? value.replaceAll('\0', '\uffff').replace(ESCAPED_NUL, '$1\uffff') : value);

const CONNECT_MS = 2000;
/** Milliseconds. A server that is frozen ends nothing by itself: the client does (`queryMs`), the server's limits are for what it forgot. */
const SETTINGS = `-c search_path=public,${WORDS_SCHEMA},pg_catalog -c statement_timeout=20000 -c idle_in_transaction_session_timeout=10000 -c lock_timeout=10000`;

/** Texts of statements get names, so that a server reads and plans each once a connection. */
const names = new Map<string, string>();
const MOST_NAMES = 1000;
function nameOf(text: string): string | undefined {
  const name = names.get(text) ?? (names.size < MOST_NAMES ? `s${names.size}` : undefined);
  if (name !== undefined) names.set(text, name);
  return name;
}

/** Open connections by server: when one gets no answer in time, all to that server are given up, not one after another. */
const open = new Map<string, Set<Connection>>();

/** One connection on which statements are sent without waiting for the answers of those before. */
export class Connection {
  dead = false;

  private constructor(
    private readonly client: pg.Client,
    readonly server: string,
  ) {}

  /**
   * Connect to the first of the servers that has the role, beginning with another one each time.
   * @param queryMs milliseconds without an answer after which the server is given up
   * @throws ConnectionLost when there is none
   */
  static async to(servers: readonly Server[], role: ServerRole, queryMs: number): Promise<Connection> {
    let last: unknown;
    for (const { at, config } of rotated(servers)) {
      const client = new pg.Client({
        ...config,
        connectionTimeoutMillis: CONNECT_MS,
        query_timeout: queryMs,
        pipeline: true,
        types,
        keepAlive: true,
        application_name: 'holdfast',
        options: SETTINGS,
      } as pg.ClientConfig);
      const made = new Connection(client, at);
      const ended = () => {
        made.dead = true;
        open.get(at)?.delete(made);
      };
      client.on('error', ended);
      client.on('end', ended);
      try {
        await client.connect();
        if (role === 'primary') {
          const { rows } = await made.query('SELECT pg_is_in_recovery()');
          if (Number(rows[0]?.[0]) === 1) throw new ConnectionLost(`${at} is no primary`);
        }
        open.set(at, (open.get(at) ?? new Set()).add(made));
        return made;
      } catch (error) {
        last = error;
        made.destroy();
      }
    }
    throw new ConnectionLost(`no ${role === 'primary' ? 'primary' : 'server'} among ${servers.map(({ at }) => at).join(', ')}`, { cause: last });
  }

  async query(text: string, params: readonly unknown[] = []): Promise<Rows> {
    const name = nameOf(text);
    try {
      const { fields, rows } = await this.client.query<unknown[]>({ text, values: params.map(bound), rowMode: 'array', ...(name !== undefined && { name }) });
      return { names: fields.map((one) => one.name), rows };
    } catch (error) {
      if (codeOf(error) === '' && isGone(error)) for (const one of [...(open.get(this.server) ?? [])]) one.destroy();
      throw error;
    }
  }
  /** Several statements in one text, none of them bound. */
  async script(text: string): Promise<void> {
    await this.client.query(text);
  }
  async close(): Promise<void> {
    this.dead = true;
    await this.client.end().catch(() => undefined);
  }
  /** It may be in the middle of something: never used again. */
  destroy(): void {
    this.dead = true;
    open.get(this.server)?.delete(this);
    (this.client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }).connection.stream.destroy();
  }
}

export interface Server {
  readonly at: string;
  readonly config: pg.ClientConfig;
}

let begin = 0;
function rotated<T>(list: readonly T[]): readonly T[] {
  const by = begin++ % list.length;
  return [...list.slice(by), ...list.slice(0, by)];
}
