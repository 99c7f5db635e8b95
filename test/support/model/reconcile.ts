import { type Expected, factsOf, mayBeActive, sourceIsBack } from './expected.js';

export interface Looking {
  /** Facts that may appear without the model knowing their names. */
  readonly creates: readonly string[];
  /** The work that goes on by itself had a turn. */
  readonly turned: boolean;
  readonly now: number;
}

/**
 * Compare what is with what may be. Several candidates: it happened in one order or another, or not at all.
 * @returns how things stand, in the model's own terms; a text: what cannot be
 */
export function reconcile(candidates: readonly Expected[], seen: Expected, looking: Looking): Expected | string {
  const facts = factsOf(seen);
  const each = candidates.map((one) => ({ one, facts: factsOf(one) }));
  const known = new Set(each.flatMap((one) => [...one.facts.keys()]));
  // A mark that nobody has seen yet is nobody's to compare.
  const names = new Set([...[...facts.keys()].filter((name) => !name.startsWith('mark ') || known.has(name)), ...known]);
  const differs = (of: Map<string, string>) => [...names].filter((name) => of.get(name) !== facts.get(name));
  const [best] = [...each].sort((a, b) => differs(a.facts).length - differs(b.facts).length);
  if (!best) return 'there is nothing to compare with';
  for (const name of differs(best.facts)) {
    const is = facts.get(name);
    if (each.some((one) => one.facts.get(name) === is) || mayDrift(best.one, name, is, looking)) continue;
    return `${name} is ${is ?? 'not there'} and ought to be ${each.map((one) => one.facts.get(name) ?? 'not there').join(' or ')}`;
  }
  return adopted(best.one, seen);
}

/** What may change without anybody asking for just that. */
function mayDrift(e: Expected, name: string, is: string | undefined, { creates, turned, now }: Looking): boolean {
  const [kind = '', slug = ''] = name.split(' ');
  if (creates.some((one) => name.startsWith(one))) return true;
  if (kind === 'organization') return creates.some((one) => one.startsWith(`member ${slug}`));
  const was = factsOf(e).get(name);
  // What is said of a mark is forgotten a month after its end.
  if (kind === 'mark') return is === undefined && turned;
  if (kind === 'member') {
    const member = e.members.get(name.slice('member '.length));
    if (!member || is === undefined) return false;
    // An authority whose only key was compromised is vouched for no more.
    if (member.state === 'active' && creates.some((one) => one.startsWith('key'))) return is.startsWith('suspended -');
    if (member.state === 'approved') return turned && is.startsWith('vetting');
    if (member.state !== 'suspended' || !sourceIsBack(e, member)) return false;
    return is.startsWith('suspended -') || (is.startsWith('active -') && mayBeActive(e, member.authority, member, now));
  }
  if (kind !== 'key' || !turned) return false;
  if (was === 'retiring') return is === 'historical';
  const active = [...e.keys].some(([key, state]) => key.startsWith(`${slug} `) && state === 'active');
  return !active && is === 'active' && (was === undefined || was === 'staged');
}

/** The candidate, with what is seen in it. */
function adopted(candidate: Expected, seen: Expected): Expected {
  Object.assign(candidate.authorities, seen.authorities);
  const take = <T>(into: Map<string, T>, from: ReadonlyMap<string, T>) => {
    for (const name of into.keys()) if (!from.has(name)) into.delete(name);
    for (const [name, one] of from) if (typeof one !== 'object' || !into.has(name)) into.set(name, one);
  };
  take(candidate.keys, seen.keys);
  take(candidate.organizations, seen.organizations);
  take(candidate.types, seen.types);
  take(candidate.members, seen.members);
  take(candidate.grants, seen.grants);
  for (const [name, { state, with: by, validUntil, organization }] of seen.members)
    Object.assign(candidate.members.get(name) as object, { state, with: by, validUntil, organization });
  for (const [id, { state, validUntil }] of seen.grants) Object.assign(candidate.grants.get(id) as object, { state, validUntil });
  for (const [bytes, mark] of candidate.marks) mark.revoked = seen.marks.get(bytes)?.revoked ?? mark.revoked;
  return candidate;
}
