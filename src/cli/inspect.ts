import type { Command } from 'commander';
import { entityConfigurationUrl, isEntityId } from '../federation/entry.js';
import { CliError } from './client.js';
import { expectEntityId } from './entity-id.js';
import { clean, dim, jsonLines, out, when } from './output.js';
import { readInput, show } from './shell.js';
import { readUrl } from '../federation/read-url.js';

interface Decoded {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Take any compact JWS apart for reading; nothing is verified. @throws CliError */
export function decode(compact: string): Decoded {
  const [header, payload, signature] = compact.split('.');
  try {
    if (!header || !payload || signature === undefined) throw new Error();
    const part = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Record<string, unknown>;
    return { header: part(header), claims: part(payload) };
  } catch {
    throw new CliError(4, 'this is not a compact JWT');
  }
}

const TIMES = ['iat', 'nbf', 'exp'];
const KINDS: Record<string, string> = {
  'trust-mark+jwt': 'Trust Mark',
  'jwk-set+jwt': 'Historical keys',
  'resolve-response+jwt': 'Resolve response',
  'trust-mark-delegation+jwt': 'Trust Mark delegation',
  'trust-mark-status-response+jwt': 'Trust Mark status',
};

function kindOf({ header, claims }: Decoded): string {
  if (header['typ'] !== 'entity-statement+jwt') return KINDS[String(header['typ'])] ?? 'JWT';
  return claims['iss'] === claims['sub'] ? 'Entity Configuration' : 'Subordinate Statement';
}

/** Print an artefact so that a person can read it. */
export function inspectStatement(compact: string): void {
  const decoded = decode(compact);
  const { header, claims } = decoded;
  const said = ['typ', 'alg', 'kid'].map((name) => (header[name] === undefined ? `no ${name}` : `${name} ${clean(header[name])}`));
  out(`${kindOf(decoded)}  ${dim(`${said.join(', ')} (signature not verified here)`)}`);
  for (const [name, value] of Object.entries(claims)) {
    if (TIMES.includes(name) && typeof value === 'number') out(`  ${name.padEnd(16)} ${value} = ${when(value)}`);
    else if (typeof value === 'string') out(`  ${name.padEnd(16)} ${value}`);
    else out(`  ${name.padEnd(16)} ${jsonLines(value, '                   ')}`);
  }
}

const ARTEFACT_PATH = /\/\.well-known\/|\/(?:fetch|historical-keys|resolve)$/;

/**
 * Where to fetch what was named: the configuration of an entity, or an artefact by its own URL (an endpoint's has a `sub`).
 * @returns undefined for what is no name but the artefact itself
 * @throws CliError for what means to be an identifier and is none
 */
function urlOf(what: string): string | undefined {
  const url = /^https?:\/\//.test(what) ? readUrl(what) : undefined;
  if (url && (ARTEFACT_PATH.test(url.pathname) || url.searchParams.has('sub'))) return what;
  if (isEntityId(what, { development: true })) return entityConfigurationUrl(what);
  // Compact JWTs begin with the base64url of `{"`.
  if (!/^ey[A-Za-z0-9_-]*\./.test(what) && /^$|[:/]|^[^.\s]+(?:\.[^.\s]+)+$/.test(what)) expectEntityId(what);
  return undefined;
}

export function inspectCommand(program: Command, get: (url: string) => Promise<string>): void {
  program
    .command('inspect <jwt|url|->')
    .description('show any artefact decoded: a compact JWT, an entity identifier or URL to fetch it from, or - for stdin')
    .action(async (what: string, _options: object, command: Command) => {
      const json = command.optsWithGlobals<{ json?: boolean }>().json === true;
      const url = what === '-' ? undefined : urlOf(what);
      const compact = (url === undefined ? (what === '-' ? readInput('-') : what) : await get(url)).trim();
      show(json, decode(compact), () => inspectStatement(compact));
    });
}
