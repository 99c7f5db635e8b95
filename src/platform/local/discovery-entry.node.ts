import { runDiscovery } from './discovery-worker.node.js';

// What the discovery thread runs.
await runDiscovery();
