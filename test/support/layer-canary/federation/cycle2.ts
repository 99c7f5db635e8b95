import './cycle.js';
import './nowhere-at-all.js';
export const b = 1;
