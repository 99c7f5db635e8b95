import type { ok } from '../store/ok.js';
import 'drizzle-orm';
export type X = typeof ok;
