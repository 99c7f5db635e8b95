/** Who asks, as a log may tell: never a token. */
export interface Asking {
  readonly id: string;
  readonly name: string;
}

const asking = new WeakMap<Request, Asking>();

/** Known once the request was authenticated; whoever writes the log asks when it is answered. */
export const noteActor = (request: Request, { id, name }: Asking): void => void asking.set(request, { id, name });
export const actorOf = (request: Request): Asking | undefined => asking.get(request);
