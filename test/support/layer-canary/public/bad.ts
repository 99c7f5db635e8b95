import '../keys/bad.js';
