import '../store/ok.js';
export const key = 1;
