/** `holdfast/rp/oidc-provider`: federation clients at oidc-provider 9, which the caller brings. */
export { federated, type FederatedOptions } from './federated.js';
export type { Told } from './federated-clients.js';
export { memoryAdapter } from './memory-adapter.js';
export { type Registering, registering, type RegistrationOptions } from './registration.js';
