import type { Profile } from '../profile-schema.js';
import { base } from './base.js';
import { edugain } from './edugain.js';
import { itWallet } from './it-wallet.js';
import { italy } from './italy.js';
import { sweden } from './sweden.js';

/** The profiles that come with Holdfast, by name. Others are read from files (`parseProfile`). */
export const PROFILES: Readonly<Record<string, Profile>> = { base, edugain, italy, 'it-wallet': itWallet, sweden };
