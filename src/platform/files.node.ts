import { join } from 'node:path';

/** What lies where in a data folder. Apart from what opens it: every command names files, few open a database. */
export const databaseFile = (data: string): string => join(data, 'holdfast.db');
/** Where a public plane of its own notes what it may write. */
export const inboxFile = (data: string): string => join(data, 'inbox.db');
export const sealKeyFile = (data: string): string => join(data, 'seal.key');
/** Where the bytes of evidence lie, each under its hash. */
export const evidenceFolder = (data: string): string => join(data, 'evidence');
/** While the key of the data folder is being rotated: the one that takes its place. */
export const nextSealKeyFile = (data: string): string => `${sealKeyFile(data)}.next`;
export const cliFile = (data: string): string => join(data, 'cli.json');
