import { askingPublic, freshStore } from '#test-platform';
import { mediaTypes } from '../../src/federation/entry.js';
import { sealedCustody } from '../../src/keys/custody.js';
import { newSealKey } from '../../src/keys/random.js';
import { importSealKey } from '../../src/keys/seal.js';
import { createApiKey, ensureOwner } from '../../src/operations/access/api-keys.js';
import { createAuthority, type NewAuthority } from '../../src/operations/authorities/authorities.js';
import { type Call, type Deployment, startingCall } from '../../src/operations/call.js';
import { trustedClock } from '../../src/operations/clock/trusted-clock.js';
import { exploringDirectly } from '../../src/operations/explore-directly.js';
import type { Outbound } from '../../src/outbound/outbound.js';
import { createPublicApp } from '../../src/public/app.js';
import type { Role } from '../../src/store/schema.js';
import { askAdmin } from './admin-app.js';
import { NOW } from './chain.js';
import { type TestKey, testKey } from './keys.js';
import type { TestStore } from './platform.js';

export { NOW };
export const ANCHOR = 'https://anchor.example.org';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked at
  readonly json: any;
}

export interface TestDeployment extends TestStore {
  readonly deployment: Deployment;
  readonly call: Call<unknown>;
  readonly token: string;
  /** Seconds; set it to travel. */
  clock: number;
  /** Set the clock off by so many seconds, while no time passes. */
  jump(seconds: number): void;
  /** The deployment as another process sees it, started now on the same store. */
  restarted(): Deployment;
  /** What the pretended network answers: URL → body, or a function. */
  readonly network: Map<string, string>;
  /** Entity tags it gives with a body, by URL; a request that names the right one is answered that nothing has changed. */
  readonly etags: Map<string, string>;
  /** URLs asked of it, in order. */
  readonly asked: string[];
  admin(method: string, path: string, body?: unknown, options?: { token?: string; headers?: Record<string, string> }): Promise<Answer>;
  public(path: string, init?: RequestInit): Promise<Answer>;
  tokenFor(role: Role, authorities?: readonly string[] | null): Promise<string>;
}

/** A response, read. */
export async function answer(asked: Response | Promise<Response>): Promise<Answer> {
  const response = await asked;
  const text = new TextDecoder().decode(await response.arrayBuffer());
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}

/** A whole deployment over a fresh store of this runtime: one authority, one owner, a network of its own, a clock to set. */
export async function testDeployment(authority: Partial<NewAuthority> = {}): Promise<TestDeployment> {
  const state = { clock: NOW, jumped: 0 };
  const now = () => state.clock;
  const elapsed = () => state.clock - state.jumped;
  const fresh = await freshStore(now);
  const network = new Map<string, string>();
  const etags = new Map<string, string>();
  const asked: string[] = [];
  const known: readonly string[] = Object.values(mediaTypes).filter((one) => typeof one === 'string');
  const outbound: Outbound = {
    post: (request) => outbound.get({ ...request, url: `${request.url} ${request.form}` }),
    async get({ url, mediaType, etag: condition }) {
      asked.push(url);
      const body = network.get(url);
      if (body === undefined || !known.includes(mediaType))
        return {
          ok: false,
          findings: [{ code: 'fetch_failed', where: url, clause: 'OpenID Federation 1.0 §10.1', detail: 'nobody answers', fix: 'none', transient: true }],
        };
      const etag = etags.get(url);
      if (etag !== undefined && etag === condition) return { ok: true, value: { url, body: '', notModified: true } };
      return { ok: true, value: { url, body, ...(etag !== undefined && { etag }) } };
    },
  };
  const custody = sealedCustody(await importSealKey(newSealKey()));
  const started = () =>
    exploringDirectly({ store: fresh.store, custody, outbound, clock: trustedClock({ now, elapsed }, { development: false }), development: false });
  const deployment = started();
  const token = (await ensureOwner(deployment, undefined)) as string;
  const call = startingCall(deployment);
  await createAuthority(call, { slug: 'main', entityId: ANCHOR, ...authority });
  const context = { published: fresh.published, inbox: fresh.inbox, now, development: false };
  const askPublic = askingPublic(
    createPublicApp(() => context),
    () => context,
    fresh.store.db,
  );
  return {
    ...fresh,
    deployment,
    call,
    token,
    network,
    etags,
    asked,
    get clock() {
      return state.clock;
    },
    set clock(value) {
      state.clock = value;
    },
    jump(by) {
      state.clock += by;
      state.jumped += by;
    },
    restarted: started,
    admin: (method, path, body, { token: other = token, headers = {} } = {}) =>
      answer(
        askAdmin(deployment, `http://admin.test/admin/v1${path}`, {
          method,
          headers: { authorization: `Bearer ${other}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
          ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        }),
      ),
    public: (path, init) => answer(askPublic(/^https?:/.test(path) ? path : `${ANCHOR}${path}`, init)),
    tokenFor: async (role, authorities = null) => (await createApiKey(call, { name: role, role, authorities })).token as string,
  };
}

export interface TestMember {
  readonly id: string;
  readonly key: TestKey;
  readonly jwks: { readonly keys: readonly object[] };
  /** Its entity configuration, signed by jose. */
  configuration(claims?: object, key?: TestKey): Promise<string>;
}

/** An entity of someone else's, with a key of its own. */
export async function testMember(id: string, key?: TestKey): Promise<TestMember> {
  const own = key ?? (await testKey());
  const jwks = { keys: [own.jwk] };
  return {
    id,
    key: own,
    jwks,
    configuration: (claims = {}, signer = own) =>
      signer.jwt({
        iss: id,
        sub: id,
        iat: NOW - 10,
        exp: NOW + 86_400,
        jwks: { keys: [signer.jwk] },
        authority_hints: [ANCHOR],
        metadata: { openid_relying_party: { redirect_uris: [`${id}/cb`], jwks_uri: `${id}/jwks` } },
        ...claims,
      }),
  };
}

/** The same deployment, with something that happens in the middle of its first signature: a halt between deciding and writing. */
export function whenSigning(deployment: Deployment, act: () => Promise<unknown>): { readonly deployment: Deployment; readonly happened: () => boolean } {
  let happened = false;
  const { custody } = deployment;
  return {
    happened: () => happened,
    deployment: {
      ...deployment,
      custody: {
        ...custody,
        async signer(key) {
          const signer = await custody.signer(key);
          return {
            ...signer,
            async sign(bytes) {
              if (!happened) {
                happened = true;
                await act();
              }
              return signer.sign(bytes);
            },
          };
        },
      },
    },
  };
}
