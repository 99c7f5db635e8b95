import './change.js';
export const published = 1;
