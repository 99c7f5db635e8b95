/** Where Bun is, as a program to start; undefined where it is not. */
export function findBun(): string | undefined;
