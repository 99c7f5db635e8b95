import '../utils/helpers.js';
