/** Any number that is ours: of several processes that start, one migrates. */
export const MIGRATING = 7_236_001;
