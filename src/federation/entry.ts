/**
 * `holdfast/federation`: OpenID Federation 1.0 as pure functions. No I/O, no clock, no framework: values in, values or
 * findings out. Runs on Node, in workerd and in browsers.
 */
export { CLIENT_ASSERTION_TYPE, type ClientAssertion, parseClientAssertion } from './client-assertion.js';
export { allowEntityTypes, checkConstraints, type ConstraintOptions, type Constraints, parseConstraints } from './constraints.js';
export { type Entitlement, ENTITLEMENT_KINDS, type EntitlementKind, parseEntitlements } from './entitlements/entitlement.js';
export { clientMetadataDocument, DOCUMENT_ENTITY } from './client-metadata-document.js';
export { CLIENT_TYPES, entitlementPolicy, type EntitlementPolicy, withEntitlements } from './entitlements/express.js';
export { entitlementsNarrow } from './entitlements/narrower.js';
export { type EntityId, entityConfigurationUrl, isEntityId, parseEntityId } from './entity-id.js';
export {
  type EntityStatement,
  type EntityStatementClaims,
  isEntityConfiguration,
  parseEntityStatement,
  validateEntityConfiguration,
  type Verified,
  verifyEntityStatement,
} from './entity-statement.js';
export { ERROR_STATUS, type ErrorCode, type ErrorResponse } from './error-response.js';
export { failure, type Finding, finding, FINDING_CODES, type FindingCode, refuse, type Result } from './finding.js';
export {
  type HistoricalKey,
  historicalKeyFor,
  type HistoricalKeys,
  REVOCATION_REASONS,
  type RevocationReason,
  validateHistoricalKeys,
} from './historical-keys.js';
export {
  type EntityConfigurationInput,
  type IssueOptions,
  signEntityConfiguration,
  signHistoricalKeys,
  signSubordinateStatement,
  type SubordinateStatementInput,
} from './issue.js';
export {
  algorithmsOf,
  keyFault,
  type JwkSet,
  parseJwkSet,
  type PublicJwk,
  SIGNING_ALGORITHMS,
  type SigningAlgorithm,
  type UsableKeys,
  usableKeys,
} from './jwk-set.js';
export { createKeyCache, type KeyCache, parseJws, type ParsedJws, rememberingSignatures, type Signer, signJws, verifyJws } from './jws.js';
export * as limits from './limits.js';
export * as mediaTypes from './media-types.js';
export { applySuperiorMetadata, checkMetadata, type Metadata, parseMetadata } from './metadata.js';
export { applyMetadataPolicy } from './metadata-policy/apply.js';
export { combineMetadataPolicies } from './metadata-policy/combine.js';
export { compactBytes, unreadable } from './statement-size.js';
export { type MetadataPolicy, parseMetadataPolicy, parsePolicyCrit } from './metadata-policy/policy.js';
export { REGISTRATION_EVENTS, type RegistrationEvent, registrationEvents, type RegistrationEventType, signRegistrationEvents } from './registration-events.js';
export { type ClientMetadata, narrowMetadata, type Narrowed } from './registration/metadata.js';
export {
  clientMetadataIn,
  INITIAL_ACCESS_TOKEN,
  type InitialAccessToken,
  parseInitialAccessToken,
  parseRegistrationRequest,
  parseSoftwareStatement,
  readRegistrationRequest,
  REGISTRATION_REQUEST,
  type RegistrationRequest,
  SOFTWARE_STATEMENT,
  type SoftwareStatement,
} from './registration/tokens.js';
export { readDraftEra } from './draft-era.js';
export { checkProfile, parseProfile, type ProfileFinding } from './profile.js';
export type { OwnFact, Profile, ProfileEvidence } from './profile-schema.js';
export { PROFILES } from './profiles/all.js';
export { checkRegistrationPolicy, isRegistrationPolicy, type RegistrationPolicyRule } from './registration-policy.js';
export { missingParameters } from './required-parameters.js';
export { type ResolveResponseClaims, type ResolveResponseOptions, signResolveResponse, validateResolveResponse } from './resolve-response.js';
export { resolveMetadata } from './resolve-metadata.js';
export { ENTITLEMENT_VERSION, numberIn, POLICY_VERSION, STATUS_SEQ } from './decided-by.js';
export { compressStatuses, packStatuses, STATUS_LIST_BITS, STATUS_LIST_SIZE, STATUS_TYPES, type StatusListClaim } from './status-list.js';
export {
  NOT_BEFORE,
  notBeforeOf,
  readStatusList,
  readStatusReference,
  signStatusList,
  statusClaim,
  type StatusList,
  type StatusListInput,
  type StatusListOptions,
  type StatusReference,
  statusReference,
} from './status-list-token.js';
export { checkTrustChainHeaders, type TrustChain, type TrustChainOptions, validateTrustChain } from './trust-chain.js';
export { UI_CLAIMS, type UiClaim, type UiInfos, uiInfosOf } from './ui-info.js';
export {
  type ParsedTrustMark,
  parseTrustMark,
  parseTrustMarkDelegation,
  type TrustMark,
  type TrustMarkClaims,
  type TrustMarkOptions,
  validateTrustMark,
} from './trust-mark.js';
export { inNamespace, type Namespace, NAMESPACE_TYPES, namespacePlace, namespacesOverlap, type NamespaceType, type SpokenName } from './vouching/namespace.js';
export { ISSUER_KINDS, maySpeakFor, parseVouchedIssuers, VOUCHED_ISSUERS, type VouchedIssuer, vouchingNarrows } from './vouching/vouched.js';
export {
  isTrustMarkType,
  signTrustMark,
  signTrustMarkDelegation,
  signTrustMarkStatus,
  TRUST_MARK_STATUSES,
  type TrustMarkInput,
  type TrustMarkStatus,
} from './trust-mark-issue.js';
export { type TrustMarkStatusAnswer, validateTrustMarkStatus } from './trust-mark-status.js';
