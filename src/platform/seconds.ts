/** Now, since the epoch. */
export const seconds = (): number => Math.floor(Date.now() / 1000);
