/** Who asks, as a log may tell: never a token. */
export interface Asking {
  readonly id: string;
  readonly name: string;
}

/** Beside the request itself: a map of them costs the collector more than all else that is noted of one. */
const ASKING = Symbol('who asks');
type Asked = Request & { [ASKING]?: Asking };

/** Known once the request was authenticated; whoever writes the log asks when it is answered. */
export function noteActor(request: Request, { id, name }: Asking): void {
  (request as Asked)[ASKING] = { id, name };
}
export const actorOf = (request: Request): Asking | undefined => (request as Asked)[ASKING];
