import { and, eq, gt, inArray } from 'drizzle-orm';
import { type EntityStatement, failure, finding, type Result, validateEntityConfiguration } from '../../federation/entry.js';
import type { Outbound } from '../../outbound/outbound.js';
import type { StatementCache } from '../../resolver/cached-source.js';
import { fetchedStatements, type StatementSource } from '../../resolver/source.js';
import { standing } from '../../store/agent-authorities.js';
import { type ArtefactKind, artefact, authority } from '../../store/schema.js';
import { whyWithheld } from '../../store/withheld.js';
import type { Deployment } from '../call.js';
import type { Questions } from '../explorer.js';
import { hostedAt } from '../artefacts/publish.js';

/** Where a statement of ours lay when it was read, and with which `cut`. */
export interface LocalEvidence {
  readonly issuerId: string;
  readonly kind: ArtefactKind;
  readonly key: string;
  readonly variant: string;
  readonly cut: number;
}

export interface SourceOptions {
  /** The door to use, with a budget around it; the deployment's own by default. */
  readonly outbound?: Outbound;
  /** Superiors' configurations fetched a moment ago; the subject's own is always asked for anew. */
  readonly cached?: { readonly by: StatementCache; readonly subject: string };
  /** Told of every statement that came from the store, by its bytes. */
  readonly local?: Map<string, LocalEvidence>;
  /**
   * The superiors in question, by Entity Identifier: a configuration that one of them hosts here stands for the member's own.
   * None other does: an authority speaks for its own members only.
   */
  readonly superiors?: readonly string[];
  /** Awaited before something that a member wrote is given, though it lies here. */
  readonly opened?: () => Promise<void>;
}

export interface LocalSource extends StatementSource {
  /** What a superior in question serves itself at a place, so that nobody asks for it over the network. */
  served(superior: string, subject: string, location: string): Promise<Result<string> | undefined>;
}

/** Statements of authorities in this deployment come from the store, everything else over the wire. */
export function statementSource({ store: { db }, outbound, now }: Deployment, options: SourceOptions = {}): LocalSource {
  const wire = fetchedStatements(options.outbound ?? outbound);
  const remote = options.cached?.by.over(wire, options.cached.subject) ?? wire;

  async function local(issuer: string, kind: 'entity_configuration' | 'statement', key: string): Promise<Result<string> | undefined> {
    const [own] = await db
      .select({ id: authority.id, state: authority.state, stands: standing })
      .from(authority)
      .where(eq(authority.entityId, issuer))
      .limit(1);
    if (!own) return undefined;
    if (own.state !== 'active') return failure(finding('status_unexpected', issuer, `this deployment's authority is ${own.state}: it publishes nothing`));
    if (own.stands !== 1) return failure(finding('status_unexpected', issuer, 'the member whose agents this authority vouches for is not in force above it'));
    const [row] = await db
      .select({ bytes: artefact.bytes, exp: artefact.exp, cut: artefact.cut, withheld: whyWithheld })
      .from(artefact)
      .where(and(eq(artefact.authorityId, own.id), eq(artefact.kind, kind), eq(artefact.key, key)))
      .limit(1);
    if (row && row.withheld === null && (row.exp === null || row.exp > now())) {
      options.local?.set(row.bytes, { issuerId: own.id, kind, key, variant: '', cut: row.cut });
      return { ok: true, value: row.bytes };
    }
    return failure(
      finding(
        'status_unexpected',
        issuer,
        `this deployment's authority publishes no ${kind === 'statement' ? `statement about ${key}` : 'configuration'}`,
        row !== undefined,
      ),
    );
  }

  /** An agent has no place but the one below the authority for agents, which is ours when it is in the store. */
  const servedBelow = (id: string): readonly string[] => [...(options.superiors ?? []), ...(/^(.+)\/agents\/[a-z0-9-]{1,63}$/.exec(id)?.slice(1, 2) ?? [])];

  /** A configuration that its subject signed and that one of the superiors in question, an authority of ours, serves. */
  async function hosted(subject: string, superiors: readonly string[]): Promise<Result<string> | undefined> {
    if (superiors.length === 0) return undefined;
    const [row] = await db
      .select({ bytes: artefact.bytes, authorityId: artefact.authorityId, cut: artefact.cut })
      .from(artefact)
      .where(
        and(
          inArray(
            artefact.authorityId,
            db
              .select({ id: authority.id })
              .from(authority)
              .where(and(inArray(authority.entityId, superiors), eq(authority.state, 'active'), eq(standing, 1))),
          ),
          eq(artefact.kind, 'hosted'),
          eq(artefact.key, subject),
          gt(artefact.exp, now()),
        ),
      )
      .limit(1);
    if (!row) return undefined;
    await options.opened?.();
    options.local?.set(row.bytes, { issuerId: row.authorityId, kind: 'hosted', key: subject, variant: '', cut: row.cut });
    return { ok: true, value: row.bytes };
  }

  return {
    served: async (superior, subject, location) => (location === hostedAt(superior, subject) ? hosted(subject, [superior]) : undefined),
    configuration: async (id, anew) => (await local(id, 'entity_configuration', '')) ?? (await hosted(id, servedBelow(id))) ?? remote.configuration(id, anew),
    fromCache: (id) => remote.fromCache?.(id) ?? false,
    statement: async (superior, subject) => (await local(superior.entityId, 'statement', subject)) ?? remote.statement(superior, subject),
  };
}

/** A valid Entity Configuration of an entity: the one given, or the one it serves. */
export async function readConfiguration(
  deployment: Deployment,
  { entityId, configuration, superior }: Questions['configuration']['asked'],
): Promise<Result<EntityStatement>> {
  const source = statementSource(deployment, superior === undefined ? {} : { superiors: [superior] });
  const compact = configuration === undefined ? await source.configuration(entityId) : ({ ok: true, value: configuration } as const);
  if (!compact.ok) return compact;
  return validateEntityConfiguration(compact.value, { now: deployment.now(), subject: entityId, development: deployment.development });
}
