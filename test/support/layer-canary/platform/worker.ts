import './seam.js';
