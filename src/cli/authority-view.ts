import { clean, green, lines, out, red, when, yellow } from './output.js';
import { writeDuration } from '../federation/written-time.js';

export interface AuthorityView {
  readonly slug: string;
  readonly entity_id: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly generation: number;
  readonly quorum: number;
  readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly authority_hints: readonly string[];
  readonly configuration_lifetime: number;
  readonly statement_lifetime: number;
  readonly client_auth: Readonly<Record<string, string>>;
  readonly key_rotation: number | null;
  readonly ec_location: string;
  readonly subordinate_events: boolean;
  readonly entity_collection: boolean;
  readonly key_proof: string;
  readonly second_channel: string;
  readonly certificate_roots: string | null;
  readonly v: number;
}
interface AuthorityKey {
  readonly kid: string;
  readonly alg: string;
  readonly state: string;
  readonly created_at: number;
  readonly staged_at: number | null;
  readonly active_at: number | null;
  readonly retiring_at: number | null;
  readonly ended_at: number | null;
  readonly revoked_reason: string | null;
  readonly signed_until: number | null;
  readonly unseen_until: number | null;
}
/** What GET /authorities/{slug} says beside the settings. */
export interface ShownAuthority extends AuthorityView {
  readonly members: Readonly<Record<string, number>>;
  readonly keys: readonly AuthorityKey[];
  readonly policy_version: number | null;
  readonly configuration: { readonly iat: number; readonly exp: number | null; readonly kid: string; readonly withheld: string | null } | null;
}

const stateOf = ({ state, state_reason: reason }: AuthorityView): string =>
  `${state === 'active' ? green(state) : red(state)}${reason === null ? '' : ` (${clean(reason)})`}`;

/** In one line, after a change. */
export const headLine = (one: AuthorityView): string =>
  `${one.slug}  ${clean(one.entity_id)}  ${stateOf(one)}, generation ${one.generation}, quorum ${one.quorum}`;

/** What a key did last, and what ends it. */
function timesOf(key: AuthorityKey): string {
  const signed = key.signed_until === null ? '' : `; what it signed ends ${when(key.signed_until)}`;
  switch (key.state) {
    case 'staged':
      return `published ${when(key.staged_at)}${key.unseen_until === null ? '' : `, everybody has seen it ${when(key.unseen_until)}`}`;
    case 'active':
      return `signs since ${when(key.active_at)}${signed}`;
    case 'retiring':
      return `signed until ${when(key.retiring_at)}${signed}`;
    case 'historical':
    case 'revoked':
      return `ended ${when(key.ended_at)}${key.revoked_reason === null ? '' : `: ${clean(key.revoked_reason)}`}`;
    default:
      return `made ${when(key.created_at)}, not published`;
  }
}

function configurationOf({ configuration: one }: ShownAuthority): string {
  if (one === null) return red('none is published');
  const withheld = one.withheld === null ? '' : yellow(`, not served until it is signed anew: ${one.withheld}`);
  return `signed ${when(one.iat)}, ends ${when(one.exp)}${withheld}`;
}

const listed = (parts: Readonly<Record<string, unknown>>, none: string, say: (name: string, value: unknown) => string): string =>
  Object.entries(parts)
    .map(([name, value]) => say(name, value))
    .join(', ') || none;

/** Everything an operator asks of an authority. */
export function describeAuthority(one: ShownAuthority): void {
  const entity = one.metadata['federation_entity'] ?? {};
  const rows: readonly (readonly [string, string])[] = [
    ['name', typeof entity['organization_name'] === 'string' ? clean(entity['organization_name']) : '—'],
    ['superiors', one.authority_hints.map(clean).join(', ') || 'none: it is a trust anchor'],
    ['configuration', `${configurationOf(one)}; each lives ${writeDuration(one.configuration_lifetime)}`],
    [
      'statements',
      `each lives ${writeDuration(one.statement_lifetime)}; where the configuration lies is said ${one.ec_location === 'always' ? 'always' : 'when needed'}`,
    ],
    ['key rotation', one.key_rotation === null ? 'by hand' : `every ${writeDuration(one.key_rotation)}`],
    ['policy', one.policy_version === null ? 'none in force' : `version ${one.policy_version} in force`],
    ['subordinates', one.subordinate_events ? 'what became of each is told to anyone' : 'what became of them is not told'],
    ['collection', one.entity_collection ? 'who is in force, here and below, is told to anyone with names' : 'not published'],
    ['member keys', `proof ${one.key_proof}, second channel ${one.second_channel}`],
    ['client auth', listed(one.client_auth, 'none', (name, mode) => `${clean(name)} ${clean(mode)}`)],
    ['members', listed(one.members, 'none yet', (state, n) => `${String(n)} ${state}`)],
    ['version', String(one.v)],
  ];
  out(
    lines([
      headLine(one),
      ...rows.map(([name, text]) => `  ${name.padEnd(13)}  ${text}`),
      '  keys',
      ...one.keys.map((key) => `    ${clean(key.kid)}  ${clean(key.alg)}  ${key.state}, ${timesOf(key)}`),
    ]),
  );
}
