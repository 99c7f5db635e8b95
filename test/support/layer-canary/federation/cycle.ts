import './cycle2.js';
export const a = 1;
