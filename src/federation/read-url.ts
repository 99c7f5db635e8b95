/**
 * An absolute URL, read (WHATWG URL); undefined for what is none. `URL.canParse` is not asked anywhere: on Node 20 it
 * answers wrongly for text with characters between U+0080 and U+00FF once it has been called some thousand times, when
 * the compiled fast path takes Latin-1 bytes for UTF-8.
 */
export function readUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
