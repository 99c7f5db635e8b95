import { LINES } from './schema.js';

/** Members that come in one act; where there are more of them they do not stand before whoever comes alone. */
const FEW = 8;

/** In which line those stand that come together. */
export const lineOf = (count: number): number => (count > FEW ? LINES.many : LINES.changed);
