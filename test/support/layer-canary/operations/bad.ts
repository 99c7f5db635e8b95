import '../admin/bad.js';
import 'hono';
