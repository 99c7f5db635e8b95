/**
 * The limits of the federation core, in one place. Sizes are bytes, times are seconds.
 * Each is tested at n-1, n and n+1.
 */

/** A statement of 256 KiB verifies in about 4 ms; at 2 MiB it is over 40 ms, which a stranger could ask for at will. */
export const MAX_STATEMENT_BYTES = 256 * 1024;
/** Client assertions carry six short claims. */
export const MAX_ASSERTION_BYTES = 16 * 1024;
/** A whole chain, or a resolve response that carries one. */
export const MAX_CHAIN_BYTES = 1024 * 1024;
/** A look-up miss in 64 keys costs microseconds, in 20 000 keys it costs 10 ms. */
export const MAX_JWKS_KEYS = 64;
export const MAX_JWKS_BYTES = 64 * 1024;
/** Deeper values overflow recursive readers; honest metadata stays below 10. */
export const MAX_JSON_DEPTH = 32;
/** Values of one JSON text, brackets counted: what honest statements say is longer, so that their size ends first. */
export const MAX_JSON_VALUES = 10_000;
export const MAX_METADATA_BYTES = 64 * 1024;
/** Entity type and parameter pairs in one metadata policy. */
export const MAX_POLICY_ENTRIES = 200;
/** Values in one operator of one policy; honest lists have tens. */
export const MAX_POLICY_VALUES = 1000;
/** Entitlements in one list, of a member or a bundle; and all that one member has, which stand in a statement several times. */
export const MAX_ENTITLEMENTS = 200;
export const MAX_ENTITLEMENTS_BYTES = 16 * 1024;
export const MAX_EFFECTIVE_ENTITLEMENTS = 500;
export const MAX_EFFECTIVE_ENTITLEMENTS_BYTES = 24 * 1024;
/** A template of authorization details (RFC 9396): honest ones name actions and places. */
export const MAX_TEMPLATE_BYTES = 4096;
export const MAX_TEMPLATE_DEPTH = 8;
/** Findings of one verdict: a thousand faults are mended no sooner than fifty. */
export const MAX_FINDINGS = 50;
/** Names that `crit` lists. */
export const MAX_CRIT = 64;
/** `authority_hints` and Trust Marks that are looked at; more of them are no fault. */
export const MAX_AUTHORITY_HINTS = 16;
export const MAX_TRUST_MARKS = 32;
/** Statements between the subject's Entity Configuration and the Trust Anchor's. */
export const MAX_CHAIN_DEPTH = 10;
/** Clock skew allowed on `iat` and `nbf`; none is allowed on `exp`: expired evidence is no evidence. */
export const CLOCK_SKEW_SECONDS = 60;
export const MIN_STATEMENT_LIFETIME = 60 * 60;
export const MAX_STATEMENT_LIFETIME = 7 * 24 * 60 * 60;
export const DEFAULT_STATEMENT_LIFETIME = 24 * 60 * 60;
export const MAX_ENTITY_ID_LENGTH = 2048;
export const MAX_KID_LENGTH = 256;
/** Below 2048 bits RSA is weak; a 16 384-bit key verifies 15 times slower than a 4096-bit one. */
export const MIN_RSA_BITS = 2048;
export const MAX_RSA_BITS = 4096;
/** 9999-12-31T23:59:59Z: later times are mistakes (milliseconds) or attacks (1e300). */
export const MAX_TIME = 253_402_300_799;
/** A client assertion is made for one request. */
export const MAX_ASSERTION_LIFETIME = 5 * 60;
/** A proof that somebody has a key: made for one challenge. */
export const MAX_KEY_PROOF_BYTES = 16 * 1024;
export const MAX_KEY_PROOF_LIFETIME = 5 * 60;
/** A Status List Token as it came, and the byte array in it: 2^20 places of 8 bits, the largest list the text has figures for. */
export const MAX_STATUS_LIST_BYTES = 2 * 1024 * 1024;
export const MAX_STATUS_LIST_ENTRY_BYTES = 1024 * 1024;
/** A registration request, with the software statement in it: base64url twice. */
export const MAX_REGISTRATION_REQUEST_BYTES = 64 * 1024;
export const MAX_SOFTWARE_STATEMENT_BYTES = 40 * 1024;
/** It travels in a header, of which servers take 16 KiB together. */
export const MAX_INITIAL_ACCESS_TOKEN_BYTES = 8 * 1024;
export const MAX_REGISTRATION_REQUEST_LIFETIME = 5 * 60;
