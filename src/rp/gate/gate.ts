import {
  type EntityStatement,
  type Finding,
  finding,
  isEntityConfiguration,
  type JwkSet,
  STATUS_TYPES,
  type StatusList,
  readStatusReference,
  type StatusReference,
  type TrustChain,
} from '../../federation/entry.js';
import type { Mode } from '../modes.js';
import { isOlder, type LiveStatements, type Superior } from './live-statements.js';
import type { Known } from './watched.js';

/** Is a chain in force now? */
export type GateAnswer =
  /**
   * `chain`: the chain with what its issuers state today; it has to be validated again where a statement is another one.
   * `notBefore`: what was issued before is dead, by the lists, which know it before the statements do. `statusSeq`: the last event that
   * the list of the Immediate Superior said all of.
   */
  | { readonly state: 'in_force'; readonly chain: readonly string[]; readonly notBefore?: number | undefined; readonly statusSeq?: number | undefined }
  | { readonly state: 'denied' | 'unavailable'; readonly findings: readonly Finding[]; readonly statusSeq?: number | undefined };

export interface GateOptions {
  readonly anchors: Readonly<Record<string, JwkSet>>;
  readonly mode: Mode;
  readonly lists: (uri: string, jwks: JwkSet) => Promise<Known<StatusList>>;
  readonly statements: LiveStatements;
}

/** One statement of a chain by a superior about a subordinate, and who that superior is by the statement above. */
export interface Link {
  readonly place: number;
  readonly statement: EntityStatement;
  readonly superior: Superior;
}

/** The links of a validated chain, the subject's first. Keys of a Trust Anchor are the pinned ones, whatever its configuration says. */
export function linksOf({ statements }: Pick<TrustChain, 'statements'>, anchors: GateOptions['anchors']): readonly Link[] {
  return statements.flatMap((statement, place) => {
    const { iss, sub } = statement.claims;
    if (iss === sub) return [];
    const above = statements[place + 1];
    const jwks = above && !isEntityConfiguration(above) ? above.claims.jwks : (anchors[iss] ?? { keys: [] });
    return [{ place, statement, superior: { entityId: iss, jwks, ...(above && isEntityConfiguration(above) && { configuration: above }) } }];
  });
}

/**
 * Every link counts: the status of each statement is looked up in its issuer's list, and what the issuer states is asked for again,
 * since a status says nothing about a record that was narrowed. One clear no is a no; what cannot be found out is never a yes.
 */
export async function checkChain(chain: TrustChain, { anchors, mode, lists, statements }: GateOptions): Promise<GateAnswer> {
  const checks = linksOf(chain, anchors).map(async ({ place, statement, superior }) => {
    const status = readStatusReference(statement.claims['status']);
    if (!status.ok) return { place, state: 'denied' as const, seq: undefined, findings: status.findings };
    const listedAt = async (named: StatusReference | undefined) => named && inList(await lists(named.uri, superior.jwks), named, statement.claims.sub);
    const [listed, live] = await Promise.all([
      listedAt(status.value),
      statements(superior, statement.claims.sub, status.value ? mode.seconds : mode.statementSeconds),
    ]);
    const seq = listed?.seq;
    if (listed && listed.state !== 'in_force') return { place, ...listed };
    if (live.state !== 'known') return { place, seq, ...live };
    // An older one than that of the chain would undo what was changed since.
    const today = isOlder(live.value.claims, statement.claims) ? statement.compact : live.value.compact;
    return { place, state: 'in_force' as const, compact: today, seq, notBefore: listed?.notBefore };
  });
  const answers = await Promise.all(checks);
  const refused = answers.find(({ state }) => state === 'denied') ?? answers.find(({ state }) => state === 'unavailable');
  const statusSeq = answers[0] && 'seq' in answers[0] ? answers[0].seq : undefined;
  if (refused && refused.state !== 'in_force') return { state: refused.state, findings: at(refused.place, refused.findings), statusSeq };
  const compacts = chain.statements.map(({ compact }) => compact);
  const back: number[] = [];
  for (const one of answers) {
    if (one.state !== 'in_force') continue;
    compacts[one.place] = one.compact;
    if (one.notBefore !== undefined) back.push(one.notBefore);
  }
  return { state: 'in_force', chain: compacts, notBefore: back.length ? Math.max(...back) : undefined, statusSeq };
}

function inList(list: Known<StatusList>, { uri, idx }: StatusReference, subject: string) {
  if (list.state !== 'known') return { state: 'unavailable' as const, seq: undefined, findings: list.findings };
  const { seq } = list.value;
  const status = list.value.at(idx);
  if (status === STATUS_TYPES.valid) return { state: 'in_force' as const, seq, notBefore: list.value.notBefore(idx) };
  const said = status === STATUS_TYPES.suspended ? 'it is suspended' : status === undefined ? `the list has no place ${idx}` : 'it is not valid any more';
  return { state: 'denied' as const, seq, findings: [finding('not_in_force', uri, `${said}: ${subject}`)] };
}

const at = (place: number, findings: readonly Finding[]): readonly Finding[] => findings.map((one) => ({ ...one, where: `ES[${place}] ${one.where}`.trim() }));
