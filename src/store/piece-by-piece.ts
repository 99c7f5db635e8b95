/**
 * Long work of our own, piece by piece: others have as much time in between as a piece has taken, so that nobody who is evaluated
 * waits for all of it.
 */
export async function pieceByPiece<T>(all: readonly T[], size: number, work: (piece: readonly T[]) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += size) {
    const begun = performance.now();
    await work(all.slice(at, at + size));
    await rest(begun);
  }
}

/** Let others have as much time as it took since. */
export const rest = (begun: number): Promise<void> => new Promise((done) => setTimeout(done, performance.now() - begun));
