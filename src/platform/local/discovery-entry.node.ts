import { runDiscovery } from './discovery-worker.node.js';
import { giveWay } from './give-way.node.js';

// What the discovery thread runs: what strangers make it do must not take the processor from whoever answers.
giveWay();
await runDiscovery();
