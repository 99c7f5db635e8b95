import { z } from 'zod';
import type { EntityStatement } from './entity-statement.js';

/** What is known of an authority of ours beyond its configuration. */
const OWN_FACTS = ['says_every_location', 'says_registration_policies', 'marks_always_end', 'policy_adds_values'] as const;
export type OwnFact = (typeof OWN_FACTS)[number];

/** What a configuration alone does not tell. A rule that needs what is absent here says that it was not checked. */
export interface ProfileEvidence {
  /** Entity Configurations of superiors named in `authority_hints`, verified with their own keys. */
  readonly superiors?: readonly EntityStatement[];
  /** The entity is an authority of ours. */
  readonly own?: Readonly<Record<OwnFact, boolean>>;
  /** Trust Anchors its resolve endpoint is known to take. */
  readonly resolvesUnder?: readonly string[];
}

/**
 * A profile: what a federation asks of an entity beyond the standard, as data. Named and versioned, so that two people who
 * say "sweden 1.0" mean the same rules. New kinds of check are code; new rules and profiles are not.
 */
const names = z.array(z.string().min(1).max(300)).min(1).max(100);
const check = z.discriminatedUnion('kind', [
  /** Metadata of these types (`*`: every type present) has each of the parameters. */
  z.strictObject({ kind: z.literal('parameters_present'), types: names, parameters: names }),
  z.strictObject({ kind: z.literal('parameters_absent'), types: names, parameters: names }),
  /** A parameter's value, or each of its values, is one of these. */
  /** At least one of the parameters. */
  z.strictObject({ kind: z.literal('one_of_parameters'), types: names, parameters: names }),
  z.strictObject({ kind: z.literal('values_among'), types: names, parameter: z.string(), values: names }),
  /** A parameter that is there holds all of these. */
  z.strictObject({ kind: z.literal('values_contain'), types: names, parameter: z.string(), values: names }),
  /** A parameter that is there has this value. */
  z.strictObject({ kind: z.literal('value_equals'), types: names, parameter: z.string(), value: z.union([z.string(), z.number(), z.boolean()]) }),
  /** Each of the types is there. */
  z.strictObject({ kind: z.literal('types_present'), types: names }),
  /** At least one of the types is there. */
  z.strictObject({ kind: z.literal('one_of_types'), types: names }),
  z.strictObject({ kind: z.literal('types_absent'), types: names }),
  z.strictObject({ kind: z.literal('types_among'), types: names }),
  /** Types of the first list do not share an identifier with types of the second. */
  z.strictObject({ kind: z.literal('types_apart'), types: names, from: names }),
  z.strictObject({ kind: z.literal('claims_present'), claims: names }),
  z.strictObject({ kind: z.literal('claims_absent'), claims: names }),
  /** The configuration is signed with one of these algorithms. */
  z.strictObject({ kind: z.literal('signed_with'), algorithms: names }),
  /** Every key in `jwks` is usable with one of these algorithms: its `alg`, when it has one, is among them. */
  z.strictObject({ kind: z.literal('keys_for'), algorithms: names }),
  z.strictObject({ kind: z.literal('lifetime'), at_least: z.number().int().optional(), at_most: z.number().int().optional() }),
  /** URLs of federation endpoints have no query. */
  z.strictObject({ kind: z.literal('endpoints_without_query') }),
  /** It shows at least one trust mark, of one of these types when they are given. */
  z.strictObject({ kind: z.literal('shows_mark'), types: names.optional() }),
  /** One of these entities is among its `authority_hints`, or any when the list is empty. */
  z.strictObject({ kind: z.literal('has_superior'), entities: z.array(z.string()).max(100) }),
  /** Every superior it names is an intermediate: has superiors itself. Needs the superiors' configurations. */
  z.strictObject({ kind: z.literal('superiors_are_intermediates') }),
  /** Who takes private_key_jwt at a federation endpoint lists all of these among the algorithms for it (OpenID Federation 1.0 §5.1.1). */
  z.strictObject({ kind: z.literal('endpoint_authentication_with'), algorithms: names }),
  /** Its resolve endpoint takes each of these as `trust_anchor`; `self` stands for the entity. Known of our own authorities only. */
  z.strictObject({ kind: z.literal('resolves_under'), entities: names }),
  /** Something that stands in no configuration and that only the authority's operator knows. */
  z.strictObject({ kind: z.literal('own_fact'), fact: z.enum(OWN_FACTS), is: z.boolean() }),
]);
const rule = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,60}$/),
  severity: z.enum(['error', 'warning']),
  /**
   * Whom it concerns: everybody, those without subordinates, those with (anchors too), among these the ones without superiors
   * (`trust_anchor`) or with (`subordinate_authority`), all but anchors, issuers of marks, or an authority of ours alone.
   */
  applies_to: z.enum(['all', 'leaf', 'intermediate', 'trust_anchor', 'subordinate_authority', 'below_anchor', 'trust_mark_issuer', 'own_authority']),
  /** Only entities that have one of these types. */
  with_types: names.optional(),
  check,
  says: z.string().min(1).max(500),
  fix: z.string().min(1).max(500),
  /** The section of the document that says so; empty for a rule of nobody's but the profile's author. */
  source: z.string().max(200),
  /** The document, when another than the profile's. */
  document: z.string().max(200).optional(),
});
export const profileSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/),
  version: z.string().min(1).max(40),
  title: z.string().min(1).max(200),
  /** The document it writes down, by its own name or URL; `version` is what that document calls itself. */
  document: z.string().min(1).max(300).optional(),
  status: z.enum(['draft', 'pilot', 'final']).optional(),
  /** Of the text that was read: YYYY-MM-DD, or as much as is known. */
  date: z
    .string()
    .regex(/^\d{4}(-\d{2}(-\d{2})?)?$/)
    .optional(),
  /** Pre-flight reads what earlier drafts of the standard allowed in configurations, to say what else holds; it trusts none of it. */
  reads_draft_era: z.boolean().optional(),
  rules: z.array(rule).max(200),
});
export type Profile = z.infer<typeof profileSchema>;
export type ProfileRule = z.infer<typeof rule>;
export type ProfileCheck = z.infer<typeof check>;
