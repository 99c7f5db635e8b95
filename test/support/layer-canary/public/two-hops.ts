import '../store/published.js';
