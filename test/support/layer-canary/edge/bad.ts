import '../store/ok.js';
import '../store/file.node.js';
