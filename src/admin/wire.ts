/** The wire of /admin/v1: snake_case, unknown members refused, times in seconds since the epoch. One presenter a kind. */
export * from './wire/basics.js';
export * from './wire/authorities.js';
export * from './wire/members.js';
export * from './wire/policies.js';
export * from './wire/jobs-and-keys.js';
