import { base64url, calculateJwkThumbprint, type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/**
 * A federation that shares no line with ours: keys, statements, status lists and endpoints by jose alone. It answers whatever it is
 * asked by URL, from state that tests change, over a pretended network or a real server.
 */
export interface JoseKey {
  readonly jwk: JWK & { readonly kid: string };
  sign(typ: string, claims: object, header?: object): Promise<string>;
  readonly privateKey: CryptoKey;
}

export async function joseKey(): Promise<JoseKey> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const bare = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(bare);
  return {
    jwk: { ...bare, kid, alg: 'ES256', use: 'sig' },
    privateKey,
    sign: (typ, claims, header = {}) => new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid, typ, ...header }).sign(privateKey),
  };
}

/** What a superior has on record about a subordinate. */
export interface JoseRecord {
  readonly keys: readonly JWK[];
  claims: Readonly<Record<string, unknown>>;
  /** Its place in the superior's status list; undefined: the superior keeps none for it. */
  idx?: number;
  /** 0 in force, 1 revoked, 2 suspended: then it is not stated any more. */
  state: 0 | 1 | 2;
}

export interface JoseEntity {
  readonly id: string;
  readonly key: JoseKey;
  metadata: Readonly<Record<string, object>>;
  claims: Readonly<Record<string, unknown>>;
  hints: readonly string[];
  readonly records: Map<string, JoseRecord>;
}

export interface JoseAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly etag?: string;
}
const STATEMENT = 'application/entity-statement+jwt';
const LIST = 'application/statuslist+jwt';

export class JoseFederation {
  readonly entities = new Map<string, JoseEntity>();
  /** URLs that answer something else, or never. */
  readonly instead = new Map<string, (usual: () => Promise<JoseAnswer>) => Promise<JoseAnswer> | JoseAnswer>();
  /** What was asked, in order. */
  readonly asked: string[] = [];
  readonly #made = new Map<string, { readonly state: string; readonly body: string }>();
  /** @param now seconds since the epoch */
  constructor(readonly now: () => number) {}

  async entity(id: string, metadata: Readonly<Record<string, object>>, hints: readonly string[] = [], claims = {}): Promise<JoseEntity> {
    const one = { id, key: await joseKey(), metadata, claims, hints, records: new Map() };
    this.entities.set(id, one);
    return one;
  }
  async superior(id: string, hints: readonly string[] = []): Promise<JoseEntity> {
    return this.entity(
      id,
      { federation_entity: { federation_fetch_endpoint: `${id}/fetch`, federation_list_endpoint: `${id}/list`, organization_name: id } },
      hints,
    );
  }
  /** @param claims of the statement: metadata_policy, constraints, … */
  enroll(superior: JoseEntity, subject: JoseEntity, claims: Readonly<Record<string, unknown>> = {}, idx?: number): JoseRecord {
    const record: JoseRecord = { keys: [subject.key.jwk], claims, state: 0, ...(idx !== undefined && { idx }) };
    superior.records.set(subject.id, record);
    return record;
  }

  configuration({ id, key, metadata, hints, claims }: JoseEntity): Promise<string> {
    const [iat, jwks] = [this.now(), { keys: [key.jwk] }];
    return this.#once(`${id} self`, { metadata, hints, claims }, () =>
      key.sign('entity-statement+jwt', { iss: id, sub: id, iat, exp: iat + 3600, jwks, metadata, ...(hints.length && { authority_hints: hints }), ...claims }),
    );
  }
  statement(superior: JoseEntity, subject: string): Promise<string> {
    const record = superior.records.get(subject);
    if (!record) throw new Error(`${superior.id} does not know ${subject}`);
    const { keys, claims, idx } = record;
    const iat = this.now();
    const status = idx === undefined ? {} : { status: { status_list: { idx, uri: `${superior.id}/status-lists/0` } } };
    return this.#once(`${superior.id} ${subject}`, { keys, claims, idx }, () =>
      superior.key.sign('entity-statement+jwt', { iss: superior.id, sub: subject, iat, exp: iat + 3600, jwks: { keys }, ...status, ...claims }),
    );
  }
  async list(superior: JoseEntity, more: object = {}): Promise<string> {
    const bytes = new Uint8Array(250);
    for (const { idx, state } of superior.records.values()) if (idx !== undefined) bytes[idx >> 2] = (bytes[idx >> 2] ?? 0) | (state << (2 * (idx & 3)));
    const zlib = new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate')));
    const lst = base64url.encode(new Uint8Array(await zlib.arrayBuffer()));
    const iat = this.now();
    const sub = `${superior.id}/status-lists/0`;
    return superior.key.sign('statuslist+jwt', { iss: superior.id, sub, iat, exp: iat + 300, ttl: 15, status_list: { bits: 2, lst }, ...more });
  }
  /** From the subject's configuration to the Trust Anchor's. */
  async chain(...path: readonly JoseEntity[]): Promise<string[]> {
    const [first, last] = [path[0] as JoseEntity, path.at(-1) as JoseEntity];
    const between = path.slice(1).map((superior, n) => this.statement(superior, (path[n] as JoseEntity).id));
    return [await this.configuration(first), ...(await Promise.all(between)), ...(path.length > 1 ? [await this.configuration(last)] : [])];
  }
  anchors = (...some: readonly JoseEntity[]) => Object.fromEntries(some.map(({ id, key }) => [id, { keys: [key.jwk] as never[] }]));

  async answer(url: string, ifNoneMatch?: string): Promise<JoseAnswer> {
    this.asked.push(url);
    const usual = () => this.#usual(url);
    const found = await (this.instead.get(url.split('?')[0] ?? '') ?? this.instead.get(url) ?? (() => usual()))(usual);
    return found.etag !== undefined && found.etag === ifNoneMatch ? { ...found, status: 304, body: '' } : found;
  }

  async #usual(url: string): Promise<JoseAnswer> {
    const { origin, pathname, searchParams } = new URL(url);
    const nothing = { status: 404, type: 'application/json', body: '{"error":"not_found","error_description":"nothing"}' };
    for (const one of this.entities.values()) {
      const place = `${origin}${pathname}`;
      if (place === `${one.id}/.well-known/openid-federation`) return this.#found(STATEMENT, await this.configuration(one));
      if (place === `${one.id}/status-lists/0`) {
        const states = [...one.records.values()].map(({ idx, state }) => [idx, state]);
        return this.#found(LIST, await this.#once(`${one.id} list`, [states, Math.floor(this.now() / 60)], () => this.list(one)));
      }
      if (place === `${one.id}/list`) return { status: 200, type: 'application/json', body: JSON.stringify([...one.records.keys()]) };
      if (place !== `${one.id}/fetch`) continue;
      const subject = searchParams.get('sub') ?? '';
      return one.records.get(subject)?.state === 0 ? this.#found(STATEMENT, await this.statement(one, subject)) : nothing;
    }
    return nothing;
  }
  #found = (type: string, body: string): JoseAnswer => ({ status: 200, type, body, etag: `"${body.slice(-40)}"` });
  /** The same bytes until something about them changes. */
  async #once(key: string, state: unknown, make: () => Promise<string>): Promise<string> {
    const said = JSON.stringify([state, Math.floor(this.now() / 600)]);
    const known = this.#made.get(key);
    if (known?.state === said) return known.body;
    const body = await make();
    this.#made.set(key, { state: said, body });
    return body;
  }
}
