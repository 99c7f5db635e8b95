#!/usr/bin/env node
import { holdHeap } from './heap.node.js';
import { runProgram } from './program.node.js';

// Whatever this process writes (database, backups, tokens) is its owner's alone.
process.umask(0o077);
holdHeap();
// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const { code, failed } = await runProgram(process.argv.slice(2));
if (failed) process.exit(code);
