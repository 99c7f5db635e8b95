/** How likely text came to be that is not UTF-8, and how it is mended. */
export interface OtherEncoding {
  readonly name: string;
  readonly fix: string;
}

const SPREADSHEET = 'save it as "CSV UTF-8" in the spreadsheet';
const NONE: OtherEncoding = { name: 'no encoding known here', fix: 'save it as UTF-8' };

const startsWith = (bytes: Uint8Array, ...first: readonly number[]): boolean => first.every((one, n) => bytes[n] === one);
const isAscii = (byte: number | undefined): boolean => byte !== undefined && byte < 0x80;

/** A workbook, or another file that is no text at all. */
export function noText(bytes: Uint8Array): OtherEncoding | undefined {
  if (startsWith(bytes, 0x50, 0x4b, 0x03, 0x04)) return { name: 'a workbook (.xlsx or .ods) or another zip file', fix: SPREADSHEET };
  if (startsWith(bytes, 0xd0, 0xcf, 0x11, 0xe0)) return { name: 'a workbook (.xls)', fix: SPREADSHEET };
  if (startsWith(bytes, 0x1f, 0x8b)) return { name: 'a gzip file', fix: 'unpack it first' };
  return undefined;
}

/** Which encoding bytes have that are not UTF-8: by byte order marks, by the places of zeros, by what stands around letters. */
export function likelyEncoding(bytes: Uint8Array): OtherEncoding {
  const known = noText(bytes);
  if (known) return known;
  const charset = likelyCharset(bytes);
  return charset === undefined ? NONE : { name: charset, fix: `${SPREADSHEET}, or convert it: iconv -f ${charset} -t UTF-8` };
}

function likelyCharset(bytes: Uint8Array): string | undefined {
  if (startsWith(bytes, 0xff, 0xfe)) return 'UTF-16LE';
  if (startsWith(bytes, 0xfe, 0xff)) return 'UTF-16BE';
  let [even, odd, alone, runs] = [0, 0, 0, 0];
  for (const [n, byte] of bytes.entries()) {
    if (byte === 0) n % 2 ? odd++ : even++;
    if (byte < 0x80) continue;
    // In Western text an accented letter stands between plain ones; in Cyrillic, Greek or Japanese they stand together.
    if (isAscii(bytes[n - 1] ?? 0) && isAscii(bytes[n + 1] ?? 0)) alone++;
    else runs++;
  }
  if (odd > bytes.length / 8) return 'UTF-16LE';
  if (even > bytes.length / 8) return 'UTF-16BE';
  return alone >= runs && alone > 0 ? 'WINDOWS-1252' : undefined;
}
