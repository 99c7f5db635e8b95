import '../store/ok.js';
import 'node:fs';
import 'hono';
export const bad = 1;
