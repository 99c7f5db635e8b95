import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { CompactSign, calculateJwkThumbprint, importJWK, type JWK } from 'jose';
import { algorithmsOf, type PublicJwk } from '../federation/entry.js';
import { KEY_PROOF_PURPOSES, KEY_PROOF_TYP, keyProofClaims, type KeyProofPurpose } from '../federation/key-proof.js';
import { CliError } from './client.js';
import { EXIT } from './exit-codes.js';
import { out, printJson } from './output.js';
import { readJson } from './shell.js';

type Plain = Readonly<Record<string, unknown>>;
export interface Challenge {
  readonly nonce: string;
  readonly aud: string;
  readonly sub: string;
  readonly purpose: KeyProofPurpose;
}

/** @throws CliError */
function challengeIn(file: string, now: number): Challenge {
  const { nonce, aud, sub, purpose, exp } = (readJson(file) ?? {}) as Plain;
  const text = (value: unknown): value is string => typeof value === 'string' && value !== '';
  if (!text(nonce) || !text(aud) || !text(sub) || !(KEY_PROOF_PURPOSES as readonly unknown[]).includes(purpose))
    throw new CliError(EXIT.usage, `${file} is no challenge: it has nonce, aud, sub and purpose as the authority gave them`);
  if (typeof exp === 'number' && exp <= now) throw new CliError(EXIT.conflict, `the challenge could be answered until ${exp}; ask for another one`);
  return { nonce, aud, sub, purpose: purpose as KeyProofPurpose };
}

/** The private keys of a file: one JWK, or a JWK Set. @throws CliError */
export function keysIn(file: string): readonly JWK[] {
  const value = (readJson(file) ?? {}) as { readonly keys?: unknown };
  const keys = (Array.isArray(value.keys) ? value.keys : [value]) as JWK[];
  if (keys.length === 0 || keys.some((key) => typeof key?.kty !== 'string' || typeof key.d !== 'string'))
    throw new CliError(EXIT.usage, `${file} holds no private JWK; only who has the private key can prove it (kty, d and the others)`);
  return keys;
}

async function proofOf(jwk: JWK, challenge: Challenge, now: number): Promise<string> {
  const kid = jwk.kid ?? (await calculateJwkThumbprint(jwk));
  const [alg] = algorithmsOf({ ...jwk, kid } as PublicJwk);
  if (alg === undefined) throw new CliError(EXIT.usage, `the key ${kid} signs with no algorithm that is accepted: RSA, EC (P-256, P-384, P-521) or Ed25519`);
  const claims = keyProofClaims(challenge, challenge.sub, randomUUID(), now);
  try {
    const payload = new TextEncoder().encode(JSON.stringify(claims));
    return await new CompactSign(payload).setProtectedHeader({ typ: KEY_PROOF_TYP, alg, kid }).sign(await importJWK(jwk, alg));
  } catch {
    throw new CliError(EXIT.usage, `the key ${kid} cannot be read: is the private JWK whole?`);
  }
}

/** The answer to a challenge, a JWS for each key of the file. @throws CliError */
export const proofsWith = (file: string, challenge: Challenge, now: number): Promise<string[]> =>
  Promise.all(keysIn(file).map((jwk) => proofOf(jwk, challenge, now)));

/** `key prove`: asks no server, so that whoever has the key can run it where the key is. */
export function proveCommand(key: Command): void {
  key
    .command('prove')
    .description('answer a challenge with a private key, without any server: for a member that an authority asked; the key stays here')
    .requiredOption('--key <file>', 'the private key as a JWK, or several as a JWK Set: one line each')
    .requiredOption('--challenge <file>', 'what the authority gave: the JSON of holdfast member challenge')
    .action(async (options: { readonly key: string; readonly challenge: string }, command: Command) => {
      const now = Math.floor(Date.now() / 1000);
      const challenge = challengeIn(options.challenge, now);
      const proofs = await proofsWith(options.key, challenge, now);
      if (command.optsWithGlobals<{ json?: boolean }>().json) printJson({ proofs });
      else for (const proof of proofs) out(proof);
    });
}
