import { and, eq } from 'drizzle-orm';
import { failure, finding, type Result } from '../federation/entry.js';
import { fetchedStatements, type StatementSource } from '../resolver/source.js';
import { artefact, authority } from '../store/schema.js';
import type { Deployment } from './call.js';

/** Statements of authorities in this deployment come from the store, everything else over the wire. */
export function statementSource({ store: { db }, outbound, now }: Deployment): StatementSource {
  const remote = fetchedStatements(outbound);

  async function local(issuer: string, kind: 'entity_configuration' | 'statement', key: string): Promise<Result<string> | undefined> {
    const [own] = await db.select({ id: authority.id }).from(authority).where(eq(authority.entityId, issuer)).limit(1);
    if (!own) return undefined;
    const [row] = await db
      .select({ bytes: artefact.bytes, exp: artefact.exp })
      .from(artefact)
      .where(and(eq(artefact.authorityId, own.id), eq(artefact.kind, kind), eq(artefact.key, key)))
      .limit(1);
    if (row && (row.exp === null || row.exp > now())) return { ok: true, value: row.bytes };
    return failure(
      finding(
        'status_unexpected',
        issuer,
        `this deployment's authority publishes no ${kind === 'statement' ? `statement about ${key}` : 'configuration'}`,
        row !== undefined,
      ),
    );
  }

  return {
    configuration: async (id) => (await local(id, 'entity_configuration', '')) ?? remote.configuration(id),
    statement: async (superior, subject) => (await local(superior.entityId, 'statement', subject)) ?? remote.statement(superior, subject),
  };
}
