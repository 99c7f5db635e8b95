/** What `holdfast/rp` has on every platform. */
export type { Admission, Admitted, AdmitOptions, Entitled, Refused, Requirements } from './admission.js';
export { chainSha256 } from './chain-hash.js';
export type { Clock } from './clock.js';
export type { FederationContext } from './context.js';
export type { Resolver } from './find-chain.js';
export { cached, type Mode, strict } from './modes.js';
export type { GateResult } from './gate/gate-result.js';
export { type RelyingParty, relyingPartyOver, type RelyingPartyPlatform, type RelyingPartySettings } from './relying-party.js';
export type { Outbound } from '../outbound/outbound.js';
export type { VerifiedResource, VerifyResourceOptions } from './verify-resource.js';
export type { AdmittedRegistration, GateVerdict, RegisteredBy } from './registration/admit-registration.js';
export type { RegistrationErrorCode, RegistrationRefused } from './registration/answer.js';
export { registrationGate, type RegistrationGateOptions } from './registration/gate.js';
export type { RegistrationReceived, SignedRegistration } from './registration/read-signed.js';
export { registryAt, type Registry, type RegistryOptions } from './registration/registry.js';
export { verifyRegistration, type VerifyRegistrationOptions } from './registration/verify-registration.js';
