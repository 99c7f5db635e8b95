import '../store/ok.js';
import 'drizzle-orm';
