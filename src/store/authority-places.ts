import { raw, type Statement } from './database.js';

/** An authority without a place gets that one, if no other has it. */
export const givePlace = (id: string, place: string): Statement =>
  raw('UPDATE authority SET place = ? WHERE id = ? AND place IS NULL AND NOT EXISTS (SELECT 1 FROM authority WHERE place = ?)', place, id, place);
