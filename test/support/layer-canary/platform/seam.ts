import '../store/file.node.js';
