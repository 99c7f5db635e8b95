import '../store/change.js';
export const bad = 1;
