import '../store/ok.js';
import 'better-sqlite3';
