import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK, type JWK } from 'jose';
import { ERROR_STATUS } from '../../../src/federation/error-response.js';
import type { Answer } from '../deployment.js';
import { bears, isBelow, isInForce } from './expected.js';
import type { observe } from './observed.js';
import type { Process } from './process.js';
import { noteMark } from './verbs-marks.js';
import type { Walk } from './walk.js';
import { ENTITY, LEAFS, PARTNER, SLUGS, type Slug, TYPES } from './world.js';

/** What is remembered over all checks of a walk. */
export interface Checks {
  /** The largest `exp` seen of each key, by `slug kid`. */
  readonly seen: Map<string, number>;
  /** When an entity was last found in force from the anchor. */
  readonly below: Map<string, number>;
  /** Bytes that were verified, with the key. */
  readonly verified: Set<string>;
  signedUntil(walk: Walk, seen: Awaited<ReturnType<typeof observe>>): void;
}

export function newChecks(): Checks {
  const checks: Checks = {
    seen: new Map(),
    below: new Map(),
    verified: new Set(),
    signedUntil(walk, { keys, signedUntil }) {
      if (walk.e.unconfirmed) return;
      for (const [name, until] of signedUntil) {
        const last = checks.seen.get(name);
        if (last === undefined || keys.get(name) === 'revoked') continue;
        if ((until ?? 0) < last) walk.fault(`signed_until of the key ${name} is ${until}, and it has signed until ${last}`);
      }
    },
  };
  return checks;
}

const of = encodeURIComponent;
const form = (trust_mark: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams({ trust_mark }).toString(),
});
/** The longest a statement or an answer may live: what the walk sets at most. */
const LONGEST = 7 * 86_400;
const TOLERANCE = 30;

/** Ask the public plane about everything, and compare. `strict`: nothing is in the way, so what is in force is served. */
export async function checkPublic(walk: Walk, process: Process, strict: boolean): Promise<void> {
  for (const slug of SLUGS) await new At(walk, process, slug, strict).check();
  if (!walk.world.partner) return;
  await checkPartner(walk);
}

class At {
  private keys: readonly (JWK & { kid: string })[] | undefined;
  constructor(
    private readonly walk: Walk,
    private readonly process: Process,
    private readonly slug: Slug,
    private readonly strict: boolean,
  ) {}
  private get e() {
    return this.walk.e;
  }
  private get now() {
    return this.walk.world.now();
  }
  /** The clock went back to before its end: it has ended, as far as anyone remembers, or not. */
  private isUnsure(until: number | null | undefined): boolean {
    return typeof until === 'number' && until > this.now && until <= this.walk.latest;
  }
  private unsure(id: string): boolean {
    return this.isUnsure(this.e.members.get(`${this.slug} ${id}`)?.validUntil);
  }
  private get active() {
    return this.e.authorities[this.slug] === 'active';
  }

  private fail(path: string, what: string): never {
    return this.walk.fault(`${this.process.name} serves ${ENTITY[this.slug]}${path}: ${what}`);
  }

  /** Ask, and see that an error is one of the standard's. */
  private async ask(path: string, init?: RequestInit): Promise<Answer> {
    const answer = await this.process.public(`${ENTITY[this.slug]}${path}`, init);
    if (answer.status === 200) {
      if (this.e.unconfirmed) this.fail(path, 'something, of a restored history that nobody has confirmed');
      return answer;
    }
    const error = answer.json?.error as keyof typeof ERROR_STATUS;
    if (answer.status >= 500 && answer.status !== 503) this.fail(path, `${answer.status} ${answer.text}`);
    if (ERROR_STATUS[error] !== answer.status) this.fail(path, `an error that the standard does not know: ${answer.status} ${answer.text}`);
    if (answer.status === 503 && !answer.headers.get('retry-after')) this.fail(path, '503 without Retry-After');
    return answer;
  }

  /** In force: served, or not at the moment. Not in force: not served. */
  private async served(path: string, inForce: boolean, init?: RequestInit): Promise<Answer | undefined> {
    const answer = await this.ask(path, init);
    const { status, json } = answer;
    if (this.e.unconfirmed) return undefined;
    if (!inForce && status !== 404) this.fail(path, `${status}, and it is not in force`);
    if (inForce && status !== 200 && status !== 503) this.fail(path, `${status} ${json?.error_description}, and it is in force`);
    if (inForce && this.strict && status !== 200) this.fail(path, `${status} ${json?.error_description}, and it is in force and nothing is in the way`);
    return status === 200 ? answer : undefined;
  }

  /** A signature of a key that is published, and of none that was revoked; an end within what is allowed. */
  private async signed(path: string, { text }: Answer, kind: 'ends' | 'endless' | 'mark'): Promise<Record<string, unknown>> {
    const { kid = '' } = decodeProtectedHeader(text);
    const claims = decodeJwt(text);
    const name = `${this.slug} ${kid}`;
    if (claims.iss !== ENTITY[this.slug]) this.fail(path, `a statement of ${claims.iss}`);
    if (this.e.keys.get(name) === 'revoked' && this.e.authorities[this.slug] !== 'retired') this.fail(path, `a signature of ${kid}, which was revoked`);
    const jwk = this.keys?.find((one) => one.kid === kid);
    if (this.keys && !jwk) this.fail(path, `a signature of ${kid}, which is not among the keys it publishes`);
    if (jwk && !this.walk.checks.verified.has(text)) {
      await compactVerify(text, await importJWK(jwk, String(jwk.alg))).catch(() => this.fail(path, 'a signature that does not verify'));
      this.walk.checks.verified.add(text);
    }
    if (kind === 'ends') {
      const exp = claims.exp ?? 0;
      if (exp <= this.now) this.fail(path, `what ended at ${exp}, and it is ${this.now}`);
      if (this.strict && (claims.iat ?? 0) > this.now + TOLERANCE) this.fail(path, `what was signed ${(claims.iat ?? 0) - this.now} s from now`);
      if (exp - (claims.iat ?? 0) > LONGEST) this.fail(path, `what lives for ${exp - (claims.iat ?? 0)} s`);
    }
    if (kind !== 'endless' && claims.exp !== undefined) this.walk.checks.seen.set(name, Math.max(this.walk.checks.seen.get(name) ?? 0, claims.exp));
    return claims;
  }

  async check(): Promise<void> {
    await this.own();
    await this.members();
    const { random } = this.walk;
    if (this.strict || random.chance(0.5)) await this.marks();
    if (this.strict || random.chance(0.5)) await this.resolved();
  }

  /** Its configuration, its former keys, its head. */
  private async own(): Promise<void> {
    const path = '/.well-known/openid-federation';
    const configuration = await this.served(path, this.active);
    if (configuration) {
      this.keys = (decodeJwt(configuration.text)['jwks'] as { keys: (JWK & { kid: string })[] }).keys;
      const published = [...this.e.keys].filter(([name, state]) => name.startsWith(`${this.slug} `) && ['staged', 'active', 'retiring'].includes(state));
      const [shown, ought] = [this.keys.map(({ kid }) => `${this.slug} ${kid}`).sort(), published.map(([name]) => name).sort()];
      if (shown.join() !== ought.join()) this.fail(path, `the keys ${shown.join(', ')}, not ${ought.join(', ')}`);
      await this.signed(path, configuration, 'ends');
    }
    const former = await this.ask('/historical-keys');
    if (this.e.unconfirmed) return;
    const halted = this.e.authorities[this.slug] === 'halted';
    const lost =
      this.e.authorities[this.slug] === 'retired' &&
      [...this.e.keys].every(([name]) => !name.startsWith(`${this.slug} `) || this.e.compromised.has(name.slice(this.slug.length + 1)));
    if (halted || lost ? former.status !== 404 : ![200, 503].includes(former.status)) this.fail('/historical-keys', String(former.status));
    if (this.strict && this.active && former.status !== 200) this.fail('/historical-keys', `${former.status}, and nothing is in the way`);
    if (former.status === 200) {
      const { keys } = await this.signed('/historical-keys', former, 'endless');
      const shown = (keys as { kid: string }[]).map(({ kid }) => kid);
      const lacking = [...this.e.keys].find(
        ([name, state]) => name.startsWith(`${this.slug} `) && state === 'historical' && !shown.includes(name.slice(this.slug.length + 1)),
      );
      if (lacking) this.fail('/historical-keys', `without ${lacking[0]}`);
    }
    const head = await this.ask('/head');
    if (![200, 404, 503].includes(head.status)) this.fail('/head', String(head.status));
    if (this.strict && this.active && head.status !== 200) this.fail('/head', `${head.status}, and nothing is in the way`);
    if (head.status !== 200) return;
    // Of one that is halted or retired it tells just that.
    const { state } = await this.signed('/head', head, 'endless');
    if (!this.active && state !== this.e.authorities[this.slug]) this.fail('/head', `it says ${state}`);
  }

  /** Statements and listings: all of those in force, and nobody else. */
  private async members(): Promise<void> {
    const all = [...LEAFS, ENTITY.inter, 'https://nobody.example.com'].filter((id) => id !== ENTITY[this.slug]);
    const inForce: readonly string[] = all.filter((id) => isInForce(this.e, this.slug, id, this.now)).sort();
    const served = new Map<string, string>();
    for (const id of all) {
      const path = `/fetch?sub=${of(id)}`;
      const answer = this.unsure(id) ? await this.ask(path) : await this.served(path, inForce.includes(id));
      if (answer?.status !== 200) continue;
      served.set(id, answer.text);
      const claims = await this.signed(path, answer, 'ends');
      if (claims['sub'] !== id) this.fail(path, `a statement about ${claims['sub']}`);
      const member = this.e.members.get(`${this.slug} ${id}`);
      if (member?.validUntil !== null && Number(claims['exp']) > (member?.validUntil ?? 0)) this.fail(path, 'a statement beyond the end of the membership');
      const kids = (claims['jwks'] as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
      const back = kids.find((kid) => member?.removed.includes(kid));
      if (back) this.fail(path, `the key ${back}, which a person took away`);
      if (id === ENTITY.inter) {
        const leaked = kids.find((kid) => this.e.keys.get(`inter ${kid}`) === 'revoked' && this.e.compromised.has(kid));
        if (leaked) this.fail(path, `the key ${leaked}, which was compromised`);
      }
    }
    for (const [path, ids] of [
      ['/list', inForce],
      ['/list?intermediate=true', inForce.filter((id) => id === ENTITY.inter)],
    ] as const) {
      const list = await this.served(path, this.active);
      const sure = (some: readonly string[]) => JSON.stringify(some.filter((id) => !this.unsure(id)));
      if (list && sure(list.json) !== sure(ids)) this.fail(path, `${list.text}, not ${JSON.stringify(ids)}`);
      if (this.active && !this.e.unconfirmed && !list) this.fail(path, 'no list');
    }
    const path = '/extended-list?claims=subordinate_statement';
    const extended = await this.served(path, this.active);
    if (!extended) return;
    const rows = extended.json.immediate_subordinate_entities as { id: string; subordinate_statement?: string }[];
    if (
      rows
        .filter(({ id }) => !this.unsure(id))
        .map(({ id }) => id)
        .join() !== inForce.filter((id) => !this.unsure(id)).join()
    )
      this.fail(path, `${rows.map(({ id }) => id).join()}, not ${inForce.join()}`);
    for (const { id, subordinate_statement: statement } of rows)
      if (statement !== served.get(id)) this.fail(path, `another statement about ${id} than is fetched`);
  }

  /** Marks, whose they are, and what is said of every mark that was ever seen. */
  private async marks(): Promise<void> {
    const all = [...LEAFS, ENTITY.inter];
    const granted = new Set([...this.e.grants.values()].map(({ id }) => id));
    for (const type of TYPES) {
      const bearing: string[] = [];
      for (const id of all) {
        if (!this.strict && !granted.has(id)) continue;
        const path = `/trust-mark?trust_mark_type=${of(type)}&sub=${of(id)}`;
        const bears_ = bears(this.e, this.slug, type, id, this.now);
        const answer = await this.ask(path);
        if (this.e.unconfirmed) continue;
        if (!bears_ && answer.status !== 404) this.fail(path, `${answer.status}, and it is not in force`);
        // A mark may have ended, or not be issued anew yet; then there is none at the moment.
        if (bears_ && this.strict && answer.status !== 200 && !this.marksUnsure(id))
          this.fail(path, `${answer.status} ${answer.text}, and it is in force and nothing is in the way`);
        if (answer.status !== 200) continue;
        const claims = await this.signed(path, answer, 'mark');
        if (claims['sub'] !== id || claims['trust_mark_type'] !== type) this.fail(path, 'a mark of something else');
        noteMark(this.e, this.slug, answer.text);
        if (this.e.marks.get(answer.text)?.revoked) this.fail(path, 'a mark that was withdrawn');
        bearing.push(id);
      }
      const path = `/trust-mark-list?trust_mark_type=${of(type)}`;
      const list = await this.served(path, this.active);
      if (!list) continue;
      if (list.json.join() !== bearing.sort().join()) this.fail(path, `${list.text}, not ${bearing.join()}`);
    }
    const own = [...this.e.marks.values()].filter(({ authority }) => authority === this.slug);
    for (const mark of this.strict ? own : own.slice(-8)) {
      const path = `/trust-mark-status of ${decodeJwt(mark.bytes).jti} for ${mark.id}`;
      const answer = await this.process.public(`${ENTITY[this.slug]}/trust-mark-status`, form(mark.bytes));
      if (this.e.unconfirmed || (!this.active && answer.status === 404)) continue;
      const past = mark.exp !== null && mark.exp + 30 * 86_400 <= Math.max(this.now, this.walk.latest);
      if (answer.status === 404 && past) continue;
      if (answer.status !== 200 && answer.status !== 503) this.fail(path, `${answer.status} ${answer.text}`);
      const ought = mark.revoked ? 'revoked' : mark.exp === null || mark.exp > this.now ? 'active' : 'expired';
      if (answer.status === 503) {
        if (this.strict) this.fail(path, `${answer.text}, and it is ${ought} and nothing is in the way`);
        continue;
      }
      const claims = await this.signed(path, answer, ought === 'active' ? 'ends' : 'endless');
      if (claims['status'] !== ought) this.fail(path, `${claims['status']}, and it is ${ought}`);
      if (claims['trust_mark'] !== mark.bytes) this.fail(path, 'an answer about another mark');
    }
  }

  private marksUnsure(id: string): boolean {
    const grants = [...this.e.grants.values()].filter((one) => one.authority === this.slug && one.id === id);
    return grants.some(({ validUntil, memberOf }) => this.isUnsure(validUntil) || this.isUnsure(this.e.members.get(`${memberOf} ${id}`)?.validUntil));
  }

  /** Answers of the resolver under the anchor. */
  private async resolved(): Promise<void> {
    for (const id of LEAFS) {
      const path = `/resolve?sub=${of(id)}&trust_anchor=${of(ENTITY.main)}`;
      const below = this.active && isBelow(this.e, id, this.now);
      if (isBelow(this.e, id, this.now)) this.walk.checks.below.set(id, this.now);
      const { status, json, text, headers } = await this.ask(path);
      if (status === 200 && !below) this.fail(path, 'an answer, and no path to it is in force');
      if (status === 200) {
        const claims = await this.signed(path, { status, json, text, headers }, 'ends');
        for (const { trust_mark: bytes } of (claims['trust_marks'] ?? []) as { trust_mark: string }[])
          if (this.e.marks.get(bytes)?.revoked) this.fail(path, `a mark that was withdrawn: ${decodeJwt(bytes).jti}`);
      } else if (this.strict && below && this.isResolvable(id)) this.fail(path, `${status} ${text}, and a path to it is in force and nothing is in the way`);
    }
  }

  /** Its keys are those vouched for, so that its own configuration verifies. */
  private isResolvable(id: string): boolean {
    const direct = isInForce(this.e, this.slug, id, this.now);
    if (!direct || (this.slug === 'inter' && !isInForce(this.e, 'main', ENTITY.inter, this.now))) return false;
    return this.slug === 'main' && this.walk.world.leafs.get(id)?.rotated === false;
  }
}

/** Whoever resolves elsewhere learns of a cut at the latest when the statements end that it holds. */
async function checkPartner(walk: Walk): Promise<void> {
  const { partner, now } = walk.world;
  for (const id of LEAFS) {
    const answer = await partner?.public(`${PARTNER}/resolve?sub=${of(id)}&trust_anchor=${of(ENTITY.main)}`);
    if (answer?.status === 500) walk.fault(`the partner answers 500: ${answer.text}`);
    if (answer?.status !== 200) continue;
    const { exp = 0, trust_chain: chain } = decodeJwt(answer.text) as { exp?: number; trust_chain: string[] };
    if (exp <= now()) walk.fault(`the partner serves what ended at ${exp}`);
    const ends = chain.map((one) => decodeJwt(one).exp ?? 0);
    if (Math.min(...ends) < exp) walk.fault('the partner serves an answer beyond the end of what it rests on');
  }
}
