/**
 * Certificates in PEM (RFC 7468 §5), in one pass over the lines: whoever judges a text and whoever uses it read the same
 * certificates. Headers (RFC 1421) and text outside the blocks, but for comments in lines that begin with "#", are refused:
 * what one reader passes over another one might take in.
 */
const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';
const LINE = /^[A-Za-z0-9+/]*={0,2}$/;

/** The bytes of standard base64, with its padding; undefined when it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length === 0 || text.length % 4 !== 0 || !LINE.test(text)) return undefined;
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}

/** The DER of each block, in its order. @throws Error what is wrong, and in which line */
export function pemCertificates(pem: string): readonly Uint8Array<ArrayBuffer>[] {
  const found: Uint8Array<ArrayBuffer>[] = [];
  let inside: string[] | undefined;
  for (const [n, raw] of pem.split('\n').entries()) {
    const line = raw.trim();
    const wrong = (what: string) => new Error(`line ${n + 1}: ${what}`);
    if (inside === undefined) {
      if (line === BEGIN) inside = [];
      else if (line.startsWith('-----')) throw wrong(`no ${BEGIN}`);
      else if (line !== '' && !line.startsWith('#')) throw wrong('text outside of a PEM block; begin comments with #');
    } else if (line === END) {
      const der = fromBase64(inside.join(''));
      if (!der) throw wrong('the block that ends here is no base64');
      found.push(der);
      inside = undefined;
    } else if (line.startsWith('-----')) throw wrong(`no ${END}`);
    else if (!LINE.test(line)) throw wrong('a PEM block holds base64 only, and no headers');
    else inside.push(line);
  }
  if (inside !== undefined) throw new Error(`the last block does not end: ${END}`);
  if (found.length === 0) throw new Error('there is no PEM block in it');
  return found;
}
