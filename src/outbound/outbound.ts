import type { Result } from '../federation/entry.js';

/** What came back from a stranger's server: 200, of the media type asked for, within the size; or that nothing has changed. */
export interface Reply {
  readonly url: string;
  readonly body: string;
  /** The entity tag of the body (RFC 9110 §8.8.3), when it has a sound one. */
  readonly etag?: string;
  /** The server answers 304: what was read under `etag` still stands, and there is no body. */
  readonly notModified?: true;
}

export interface FetchRequest {
  readonly url: string;
  /** The only media type accepted; parameters beside it are ignored. */
  readonly mediaType: string;
  /** Media types that are taken as well, for whoever reads any artefact. */
  readonly orMediaTypes?: readonly string[];
  /** Cap on the decoded body in bytes. */
  readonly maxBytes?: number;
  /** The entity tag of what is known already: the server may answer that it still stands (RFC 9110 §13.1.2). */
  readonly etag?: string | undefined;
  /** What comes is no text: the body has one character a byte. */
  readonly bytes?: true;
  /** For whom it is fetched: those who wait for the door take turns. An evaluation is one, whatever it asks for. */
  readonly asker?: object;
  /** It goes through a gate of its own, which those that do not answer cannot fill. */
  readonly ahead?: boolean;
}

/** A POST of a form, for the few federation endpoints that want one (OpenID Federation 1.0 §8.4). */
export interface PostRequest extends FetchRequest {
  readonly form: URLSearchParams;
}

/**
 * The only door to the network. Gives a finding, never an exception, for everything a stranger can do wrong; a
 * transient one means "try again later", never a verdict.
 */
export interface Outbound {
  get(request: FetchRequest): Promise<Result<Reply>>;
  post(request: PostRequest): Promise<Result<Reply>>;
}
