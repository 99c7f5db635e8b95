import type { Finding } from '../../federation/entry.js';

/** The errors of RFC 7591 §3.2.2 and RFC 6750 §3.1 that a registration is refused with, and what stands for "not now". */
export type RegistrationErrorCode =
  | 'invalid_request'
  | 'invalid_token'
  | 'invalid_software_statement'
  | 'unapproved_software_statement'
  | 'invalid_client_metadata'
  | 'invalid_redirect_uri'
  | 'temporarily_unavailable';

/** A registration that is refused: status, headers and body as they are answered. */
export interface RegistrationRefused {
  readonly ok: false;
  readonly status: 400 | 401 | 503;
  readonly error: RegistrationErrorCode;
  readonly description: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For the log: what it was. */
  readonly findings: readonly Finding[];
}

/** RFC 6749 §5.2: no quotation mark, no backslash, nothing outside ASCII. */
const plain = (text: string): string =>
  text
    .replaceAll('"', "'")
    .replace(/[^\x20-\x7e]|\\/g, '?')
    .slice(0, 500);

const RETRY_SECONDS = 5;

export function refusal(error: RegistrationErrorCode, text: string, findings: readonly Finding[] = []): RegistrationRefused {
  const description = plain(text);
  const status = error === 'invalid_token' ? 401 : error === 'temporarily_unavailable' ? 503 : 400;
  const headers: Record<string, string> =
    status === 401
      ? { 'www-authenticate': `Bearer error="invalid_token", error_description="${description}"` }
      : status === 503
        ? { 'retry-after': String(RETRY_SECONDS) }
        : {};
  return { ok: false, status, error, description, headers: { 'cache-control': 'no-store', ...headers }, findings };
}

/** In words of the first of several findings. */
export const refusalOf = (error: RegistrationErrorCode, about: string, findings: readonly Finding[]): RegistrationRefused =>
  refusal(error, `${about}: ${[findings[0]?.where, findings[0]?.detail].filter(Boolean).join(' ')}`, findings);
