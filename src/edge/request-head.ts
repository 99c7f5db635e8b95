/**
 * Heads of requests that can be read in one way only: a small part of what RFC 9112 allows, and of that what nearly everybody sends. Two
 * readers never see two things in it, because there is nothing in it that is folded, repeated, escaped, chunked or closed; whatever
 * else comes is for a whole parser.
 */
export interface PlainHead {
  readonly method: 'GET' | 'POST';
  /** As it was sent, in origin form (RFC 9112 §3.2.1). */
  readonly target: string;
  readonly fields: PlainFields;
  /** Characters of the head, its empty line included. */
  readonly length: number;
}

/** What answers depend on beside the target. */
export interface PlainFields {
  readonly host: string;
  readonly accept: string | undefined;
  readonly 'if-none-match': string | undefined;
  readonly 'content-type': string | undefined;
  /** Bytes; 0 where it is not said. */
  readonly 'content-length': number;
}

/** Longer ones are read by the whole parser, which has its own limits (characters). */
export const MAX_PLAIN_HEAD = 4096;
/** One client sends the same fields again and again, whatever it asks for. */
const MAX_BLOCKS = 256;

const END = '\r\n\r\n';
const VERSION = ' HTTP/1.1';
/** A token, then visible characters with blanks between them (RFC 9110 §5.5, §5.6.2). */
const FIELD = /^([!#$%&'*+.^_`|~\w-]+): ?((?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?)$/;
const TARGET = /^\/[\x21\x22\x24-\x7e]*$/;
const READ = ['host', 'accept', 'if-none-match', 'content-type', 'content-length'] as const;
/** They say something about the connection, or about what comes after the head. */
const UNUSUAL = new Set(['transfer-encoding', 'content-encoding', 'expect', 'upgrade', 'te', 'trailer', 'proxy-connection', 'keep-alive', 'http2-settings']);

/** Undefined for what is not as plain as that. */
function fieldsOf(block: string): PlainFields | undefined {
  const found: Partial<Record<string, string>> = {};
  for (const line of block.split('\r\n')) {
    const [, written, value] = FIELD.exec(line) ?? [];
    const name = written?.toLowerCase();
    if (name === undefined || value === undefined || UNUSUAL.has(name)) return undefined;
    if (name === 'connection') {
      if (value.toLowerCase() !== 'keep-alive') return undefined;
    } else if ((READ as readonly string[]).includes(name)) {
      if (found[name] !== undefined) return undefined;
      found[name] = value;
    }
  }
  const { host, accept, 'content-length': length = '0' } = found;
  if (host === undefined || !/^\d{1,6}$/.test(length)) return undefined;
  return { host, accept, 'if-none-match': found['if-none-match'], 'content-type': found['content-type'], 'content-length': Number(length) };
}

/**
 * @returns reads a text that begins with a head (one character a byte); what it returns is undefined for a head that is not plain,
 * or not there as a whole. What was read of the fields of one is remembered by their very characters.
 */
export function plainHeads(): (text: string) => PlainHead | undefined {
  const known = new Map<string, PlainFields>();
  return (text) => {
    const method = text.startsWith('GET /') ? 'GET' : text.startsWith('POST /') ? 'POST' : undefined;
    if (method === undefined) return undefined;
    const line = text.indexOf('\r\n');
    const end = text.indexOf(END, line);
    if (line === -1 || end <= line || end > MAX_PLAIN_HEAD || !text.startsWith(VERSION, line - VERSION.length)) return undefined;
    const target = text.slice(method.length + 1, line - VERSION.length);
    if (!TARGET.test(target)) return undefined;
    const block = text.slice(line + 2, end);
    let fields = known.get(block);
    if (fields === undefined) {
      fields = fieldsOf(block);
      if (fields === undefined) return undefined;
      if (known.size >= MAX_BLOCKS) known.clear();
      known.set(block, fields);
    }
    return { method, target, fields, length: end + END.length };
  };
}
