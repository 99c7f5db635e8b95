import { statusClaim } from '../../federation/entry.js';
import type { StatusPlace } from '../../store/status-entries.js';

/** Where the lists of an authority lie: below its identifier, by number. */
export const statusListAt = (authority: string, list: number | string): string => `${authority.replace(/\/$/, '')}/status-lists/${list}`;

/** The claim `status` of what has a place in one of them (Token Status List, "Referenced Token in JOSE"). */
export const statusIn = (authority: string, { list, idx }: StatusPlace) => statusClaim({ uri: statusListAt(authority, list), idx });
