/**
 * One schema for SQLite and D1, a file a topic. No foreign keys and no cascades: a generated table rebuild would silently delete
 * cascading children on both engines. Times are integer seconds UTC; JSON columns hold what zod checked at the border.
 */
export * from './schema/authorities.js';
export * from './schema/members.js';
export * from './schema/status.js';
export * from './schema/member-keys.js';
export * from './schema/accreditations.js';
export * from './schema/joining.js';
export * from './schema/registering.js';
export * from './schema/policies.js';
export * from './schema/artefacts.js';
export * from './schema/marks.js';
export * from './schema/resolving.js';
export * from './schema/events.js';
export * from './schema/people.js';
export * from './schema/operating.js';
