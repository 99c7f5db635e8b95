import { jsonLength } from './json-size.js';

/**
 * A verdict of the standard as a value: resolve, pre-flight, `explain` and a console all show the same ones.
 * Codes are stable and documented; `detail` is for people and is not contract.
 */
export interface Finding {
  /** Stable identifier of the rule that failed. */
  readonly code: FindingCode;
  /** Where it failed: a statement (`ES[1]`), a claim, a JSON pointer, a URL. */
  readonly where: string;
  /** The clause of the standard that demands it. */
  readonly clause: string;
  readonly detail: string;
  /** What a person can do about it. */
  readonly fix: string;
  /** True when trying again later may succeed (time-outs, 5xx, DNS); never a verdict about trust. */
  readonly transient: boolean;
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly findings: readonly Finding[] };

const OIDFED = 'OpenID Federation 1.0';

/** Every code with its clause and remedy. One table, so a code can never disagree with its clause. */
const RULES = {
  entity_id_invalid: ['§1.2', 'Use an https URL with a host, without query, fragment or credentials.'],
  json_invalid: ['§3', 'Send well-formed JSON in UTF-8.'],
  json_duplicate_member: ['§6.1.2', 'Name each member of a JSON object once.'],
  json_too_deep: ['§18.1', 'Nest JSON at most 32 levels deep.'],
  json_forbidden_member: ['§18.1', 'Do not use "__proto__" as a member name.'],
  too_large: ['§18.1', 'Stay below the size limit named in the detail.'],
  too_many: ['§18.1', 'Stay below the count limit named in the detail.'],
  jws_malformed: ['§1.1', 'Use the JWS compact serialization.'],
  typ_wrong: ['§3', 'Set the "typ" header to the media type this kind of JWT has.'],
  alg_not_accepted: ['§3.2', 'Sign with ES256, ES384, ES512, Ed25519, RS256-512 or PS256-512.'],
  kid_missing: ['§3', 'Put the "kid" of the signing key into the header.'],
  header_not_allowed: ['§4.3', 'Leave out header parameters that published statements must not have.'],
  jwks_invalid: ['§3.1.1', 'Publish a JWK Set of public signing keys.'],
  jwk_private: ['§3.1.1', 'Publish public keys only; treat the private key as compromised.'],
  jwk_symmetric: ['§3.1.1', 'Publish asymmetric keys only.'],
  jwk_weak: ['§3.1.1', 'Use RSA of 2048 to 4096 bits, P-256, P-384, P-521 or Ed25519.'],
  jwk_unsupported: ['§3.1.1', 'Use keys that sign: RSA, EC (P-256, P-384, P-521) or OKP (Ed25519).'],
  kid_duplicate: ['§3.1.1', 'Give each key of a set its own "kid".'],
  claim_missing: ['§3.1.1', 'Add the claim.'],
  claim_invalid: ['§3.2', 'Correct the claim.'],
  claim_not_allowed: ['§3.2', 'Remove the claim from this kind of statement.'],
  crit_invalid: ['§13.4', 'List in "crit" only claims that are present and that the standard does not define.'],
  crit_not_understood: ['§13.4', 'Ask the issuer to drop the critical claim, or use software that understands it.'],
  expired: ['§3.2', 'Fetch a fresh statement; check that the issuer renews it.'],
  not_yet_valid: ['§3.2', 'Check the clocks of issuer and validator.'],
  subject_mismatch: ['§3.2', 'The statement must be about the entity asked for.'],
  issuer_mismatch: ['§3.2', 'The statement must come from the entity asked.'],
  signature_key_unknown: ['§3.2', 'Sign with a key that the superior lists for this entity.'],
  signature_invalid: ['§3.2', 'The bytes were changed or another key signed them.'],
  authority_hint_missing: ['§3.2', 'Add the superior to "authority_hints" of the entity configuration.'],
  metadata_invalid: ['§5', 'Correct the metadata.'],
  policy_malformed: ['§6.1.2', 'Give each entity type, parameter and operator a non-empty value.'],
  policy_operator_type: ['§6.1.3', 'Use a JSON type that the operator supports.'],
  policy_combination: ['§6.1.3', 'Use operators together only as the standard allows.'],
  policy_merge: ['§6.1.4.1', 'Make the subordinate policy stricter than, or equal to, its superior.'],
  policy_violation: ['§6.1.4.2', 'Change the metadata so that it fits the policy.'],
  policy_crit_invalid: ['§3.1.3', 'List only additional operators, at least one, in "metadata_policy_crit".'],
  policy_operator_unknown: ['§6.1.3.2', 'Write an operator of the standard, or name yours in "metadata_policy_crit" so that nobody passes over it.'],
  policy_interop: ['§6.1.3', 'The policy is legal. Say the same in another way, or make sure that the software of your federation understands it.'],
  policy_crit_not_understood: ['§6.1.3.2', 'Drop the critical operator, or use software that understands it.'],
  constraint_malformed: ['§6.2', 'Correct the constraint.'],
  path_too_long: ['§6.2.1', 'Have fewer intermediates between this superior and the subject.'],
  name_not_permitted: ['§6.2.2', 'Use an entity identifier under a permitted name.'],
  name_excluded: ['§6.2.2', 'Use an entity identifier outside the excluded names.'],
  chain_malformed: ['§4', 'Order the chain from the subject to the Trust Anchor.'],
  chain_broken: ['§10.2', 'Each statement must be issued by the subject of the next.'],
  chain_loop: ['§10.1', 'No entity may stand twice in a chain.'],
  trust_anchor_unknown: ['§10.2', 'Pin the Trust Anchor and its keys out of band.'],
  trust_mark_subject: ['§7.3', 'Use the mark only for the entity it was issued to.'],
  trust_mark_issuer: ['§7.3', 'Get the mark from an issuer that the Trust Anchor accepts.'],
  trust_mark_not_recognized: ['§17.5', 'The Trust Anchor does not list this trust mark type.'],
  trust_mark_not_active: ['§8.4', 'Get a new mark from its issuer; this one was withdrawn or has ended.'],
  trust_mark_status_unknown: ['§8.4', 'Have the issuer publish a status endpoint that answers.'],
  delegation_missing: ['§7.3', "Include the owner's delegation in the mark."],
  delegation_invalid: ['§7.2.2', 'Get a fresh delegation from the owner of the mark type.'],
  audience_wrong: ['§8.8', 'Set "aud" to the entity identifier of the entity asked, and to nothing else.'],
  fetch_refused: [
    '§18.1',
    'Use a public https host. A private network of your own is reached when HOLDFAST_OUTBOUND_ALLOW names its address blocks, loopback in development mode.',
  ],
  fetch_failed: ['§10.1', 'Check that the host answers, then try again.'],
  redirect_refused: ['§9.2', 'Serve federation endpoints without redirects.'],
  status_unexpected: ['§9.2', 'Answer 200 at the federation endpoint.'],
  content_type_wrong: ['§15', 'Answer with the media type of the standard, without parameters.'],
  content_encoding_refused: ['§18.1', 'Answer without Content-Encoding when identity is asked for.'],
  evaluation_stopped: ['§18.1', 'Look at what the entity and its superiors publish; evaluate it by name once that is mended.'],
  budget_exceeded: ['§18.1', 'Reduce the number of superiors or ask for a narrower question.'],
  endpoint_missing: ['§5.1.1', 'Publish the endpoint in the federation_entity metadata.'],
  no_chain: ['§10.1', 'Check that the superiors list the entity and lead to a pinned Trust Anchor.'],
  key_changed_under_kid: ['§3.1.1', 'Ask the member through a second channel; a kid never names another key.'],
  all_keys_replaced: ['§11.1', 'Roll keys over one after the other; ask the member through a second channel whether it meant this.'],
  configuration_expiring: ['§11', 'Publish a fresh entity configuration; ours rests on it.'],
  configuration_replayed: ['§11.2', 'The configuration is older than one seen before; look for a stale cache or a replay.'],
  membership_ending: ['§11.4', 'Extend the membership, or tell the member when it ends.'],
  profile_rule: ['', 'Follow the profile of the federation, or choose another one.'],
  profile_unchecked: ['', 'Look at it yourself: it does not show in what was read.'],
  draft_era: ['§3.1', 'Publish what the final standard has; others refuse this configuration.'],
  registration_policy_unmet: ['Registration Policy draft', 'Have the entity registered under one of the policies named.'],
  certificate_ended: ['§3.1.1', 'Ask the entity whether this is still its key; a federation reads no certificates.'],
  key_shared: ['§3.1.1', 'Let each entity have keys of its own: one that leaks is then the fault of one.'],
  key_compromised: ['§8.7.3', 'Ask the entity for another key: whoever has this one can speak for it.'],
  key_halted: ['§3.1.1', 'Ask the entity for another key; waive this only when you know that this one is sound.'],
  key_of_authority: ['§3.1.1', 'Ask the entity for a key of its own: who holds this one can speak for the authority.'],
  identifier_respelled: ['§1.2', 'Use the identifier that is known; waive this only for another entity.'],
  entity_type_unknown: ['§5.1', 'Correct it, or leave it when your federation has defined this type.'],
  entitlement_invalid: ['§6.1', 'Correct the entitlement: it becomes metadata policy in the statement about the member.'],
  vouching_invalid: ['§3', 'Correct what is vouched for: which issuer, of which kind, for which names.'],
  namespace_taken: ['§3', 'Leave these names to the member that may speak for them, or end its vouching first: holdfast issuer end.'],
  default_above_leaf: [
    '§6.1.3.1',
    'Above leafs say it with operators that merge, such as subset_of, one_of and essential; default and value merge only when equal.',
  ],
  certificate_invalid: ['§3.1.1', 'Have a certificate issued for this very key that is in force, or leave "x5c" out of the JWK.'],
  certificate_untrusted: ['§3.1.1', 'Have its root configured (holdfast authority binding --certificate-roots); only where none is, it may be self-issued.'],
  certificate_missing: ['§3.1.1', 'Have a certificate issued for this key too; or look at it, and bind it by hand: holdfast member keys.'],
  accreditation_ending: ['§11.4', 'Have it renewed and verified (holdfast accreditation renew): everything that is said about the member ends with it.'],
  reattestation_due: ['§11.4', 'Say that it is still needed and answered for (holdfast member reattest): everything that is said about it ends then.'],
  certificate_ending: ['§11.4', 'Have the certificate renewed: everything that is said about the member ends with it.'],
  key_proof_wrong: ['§3.1.1', 'Answer the challenge anew: holdfast key prove makes the answer.'],
  key_unproven: ['§3.1.1', 'Have the member answer a challenge with this key: holdfast member challenge.'],
  key_unconfirmed: ['§3.1.1', 'Compare the thumbprint with a contact of your own: holdfast member confirm-key.'],
  client_document_none: ['§5.1', 'Change the metadata of the client, or what it is entitled to.'],
  status_list_invalid: ['Token Status List draft', 'Fetch the list anew; until it can be read nothing that it is about is valid.'],
  not_in_force: ['§10.4', 'Ask the operator of its federation: it was halted, or has ended.'],
  status_unknown: ['§10.4', 'Try again shortly; check that the registry of the federation answers.'],
  requirement_unmet: ['§5', 'Have the entity publish, or be given, what is asked of it here.'],
  keys_differ: ['§11.2', 'Compare the keys through a second channel before enrolling.'],
} as const satisfies Record<string, readonly [clause: string, fix: string]>;

export type FindingCode = keyof typeof RULES;

export const FINDING_CODES = Object.keys(RULES) as readonly FindingCode[];

export function finding(code: FindingCode, where: string, detail: string, transient = false): Finding {
  const [clause, fix] = RULES[code];
  const of = clause.startsWith('§') ? `${OIDFED} ` : clause.startsWith('Token') ? '' : 'OpenID Federation ';
  return { code, where, clause: `${of}${clause}`, detail, fix, transient };
}

export const success = <T>(value: T): Result<T> => ({ ok: true, value });
export const failure = (...findings: readonly Finding[]): { readonly ok: false; readonly findings: readonly Finding[] } => ({ ok: false, findings });
/** One failed rule. */
export const refuse = (code: FindingCode, where: string, detail: string) => failure(finding(code, where, detail));

/** Put the place of the surrounding value in front of each finding's place. */
export const within = (place: string, findings: readonly Finding[]): readonly Finding[] =>
  findings.map((one) => ({ ...one, where: one.where ? `${place} ${one.where}` : place }));

/** A stranger's text for a message: short, on one line, without control or bidirectional characters. */
export function quote(text: unknown): string {
  const plain = typeof text === 'string' ? text : textOf(text);
  const short = plain.length > 80 ? `${plain.slice(0, 80)}…` : plain;
  return `"${short.replace(/[\p{C}\p{Zl}\p{Zp}"]/gu, '?')}"`;
}

/** JSON where there is a short one; callers in JavaScript also pass what has none, such as a BigInt, a circle, or values without end. */
function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return jsonLength(value, MAX_SHOWN) <= MAX_SHOWN ? JSON.stringify(value) : Array.isArray(value) ? '[…]' : '{…}';
}
const MAX_SHOWN = 200;
