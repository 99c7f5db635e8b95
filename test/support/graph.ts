import type { Finding, JwkSet, Result } from '../../src/federation/entry.js';
import { evaluate, type EvaluateOptions } from '../../src/resolver/evaluate.js';
import type { StatementSource } from '../../src/resolver/source.js';
import { walk, type WalkOptions } from '../../src/resolver/walk.js';
import { NOW } from './chain.js';
import { type TestKey, testKey } from './keys.js';

/** Names in a test stand for entities `https://<name>.example`. */
export const id = (name: string): string => `https://${name}.example`;
export const nameOf = (entityId: string): string => entityId.slice(8, -8);

/** What a name answers: claims beside the usual ones; or a failure, final (`gone`) or passing (`down`). */
export type Answer = object | 'gone' | 'down';
export interface GraphOptions {
  readonly configuration?: (name: string) => Answer;
  readonly statement?: (superior: string, subject: string) => Answer;
  /** Awaited before each answer. */
  readonly before?: (what: string) => Promise<void> | void;
}

const failed = (where: string, transient: boolean): Result<string> => {
  const one: Finding = { code: transient ? 'fetch_failed' : 'status_unexpected', where, clause: '', detail: transient ? '503' : '404', fix: '', transient };
  return { ok: false, findings: [one] };
};

/** A federation as a graph: who names whom as superior. Every superior states what it is asked for, unless told otherwise. */
export class Graph {
  readonly asked: string[] = [];
  readonly #keys = new Map<string, TestKey>();
  readonly #spare: TestKey;
  readonly source: StatementSource;

  /** @param named keys of their own for these names; all others share one */
  static async of(hints: Readonly<Record<string, readonly string[]>>, options: GraphOptions = {}, named: readonly string[] = []): Promise<Graph> {
    const graph = new Graph(hints, options, await testKey());
    for (const name of named) graph.#keys.set(name, await testKey());
    return graph;
  }

  private constructor(
    readonly hints: Readonly<Record<string, readonly string[]>>,
    readonly options: GraphOptions,
    spare: TestKey,
  ) {
    this.#spare = spare;
    this.source = {
      configuration: async (entityId) => {
        const name = nameOf(entityId);
        await this.#ask(name);
        const superiors = this.hints[name];
        const more = this.options.configuration?.(name) ?? {};
        if (!superiors || typeof more === 'string') return failed(entityId, more !== 'gone');
        const own = {
          iss: entityId,
          sub: entityId,
          metadata: { federation_entity: { federation_fetch_endpoint: `${entityId}/ask` } },
          ...(superiors.length && { authority_hints: superiors.map(id) }),
        };
        return { ok: true, value: await this.sign(name, { ...own, jwks: this.jwks(name), ...more }) };
      },
      statement: async ({ entityId, fetchEndpoint }, subject) => {
        const [superior, name] = [nameOf(entityId), nameOf(subject)];
        await this.#ask(`${superior}>${name}`);
        // The endpoint stands in the superior's own configuration; nothing is made up from its identifier.
        const more = fetchEndpoint === `${entityId}/ask` ? (this.options.statement?.(superior, name) ?? {}) : 'gone';
        if (typeof more === 'string') return failed(`${entityId}/ask`, more !== 'gone');
        return { ok: true, value: await this.sign(superior, { iss: entityId, sub: subject, jwks: this.jwks(name), ...more }) };
      },
    };
  }

  async #ask(what: string): Promise<void> {
    this.asked.push(what);
    await this.options.before?.(what);
  }
  /** From now on it has another key, and the one of before no more. */
  async rekey(name: string): Promise<void> {
    this.#keys.set(name, await testKey());
  }
  key = (name: string): TestKey => this.#keys.get(name) ?? this.#spare;
  jwks = (name: string): JwkSet => ({ keys: [this.key(name).jwk] });
  sign = (name: string, claims: object, header: object = {}): Promise<string> =>
    this.key(name).jwt({ iat: NOW - 10, exp: NOW + 1000, ...claims } as never, header as never);
  anchors = (...names: readonly string[]): Record<string, JwkSet> => Object.fromEntries(names.map((name) => [id(name), this.jwks(name)]));

  walk = (subject: string, anchors: readonly string[], more: Partial<WalkOptions> = {}) =>
    walk(id(subject), { source: this.source, anchors: this.anchors(...anchors), now: NOW, ...more });
  evaluate = (subject: string, anchors: readonly string[], more: Partial<EvaluateOptions> = {}) =>
    evaluate(id(subject), { source: this.source, anchors: this.anchors(...anchors), now: NOW, active: async () => ({ ok: true, value: true }), ...more });
}

/** The issuers along each chain that was found. */
export const paths = ({ chains }: Awaited<ReturnType<typeof walk>>): readonly string[] =>
  chains.map(({ statements }) => statements.map(({ claims }) => nameOf(claims.iss)).join(' '));
