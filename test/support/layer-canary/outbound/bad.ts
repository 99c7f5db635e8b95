import '../store/ok.js';
