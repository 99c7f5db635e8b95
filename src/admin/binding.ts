import { z } from '@hono/zod-openapi';
import { KEY_PROOF_PURPOSES } from '../federation/key-proof.js';
import { limits } from '../federation/entry.js';
import { type Challenged, challengeKeys } from '../operations/binding/challenge-keys.js';
import { type Confirmed, confirmKey } from '../operations/binding/confirm-key.js';
import { MAX_PROOFS, type Proven, proveKeys } from '../operations/binding/prove-keys.js';
import { setBinding } from '../operations/binding/set-binding.js';
import { KEY_PROOF_MODES, SECOND_CHANNEL_MODES } from '../store/schema.js';
import { type AdminApp, param, validJson } from './context.js';
import { endpoint } from './endpoint.js';
import { authoritySchema, presentAuthority, seconds } from './wire.js';
import { write } from './write.js';

/** How keys are bound: proof of possession, second channel, and what an authority demands of both. */
const purpose = z
  .enum(KEY_PROOF_PURPOSES)
  .openapi({ description: 'bind: to be vouched for; rotate: to stand beside or in place of others; resume: to come back after a suspension' });
const challengeBody = z
  .strictObject({ purpose: purpose.optional(), jwks: z.unknown().optional() })
  .openapi('KeyChallengeInput', { description: 'jwks: public keys that are not bound yet and are to be. Without purpose: what fits the state of the member' });
const challengeSchema = z
  .object({ challenge_id: z.string(), nonce: z.string(), aud: z.string(), sub: z.string(), purpose, exp: seconds })
  .openapi('KeyChallenge', { description: 'What the holder of each key signs; the nonce is told once' });
const proofsBody = z
  .strictObject({
    challenge_id: z.string().min(1).max(60),
    proofs: z.array(z.string().min(1).max(limits.MAX_KEY_PROOF_BYTES)).min(1).max(MAX_PROOFS),
  })
  .openapi('KeyProofs', { description: 'One JWS for each key (typ holdfast-key-proof+jwt), all for one challenge' });
const provenSchema = z
  .object({ purpose, at: seconds, keys: z.array(z.object({ kid: z.string(), thumbprint: z.string(), proof_sha256: z.string() })) })
  .openapi('ProvenKeys');
const words = z.string().trim().min(1);
const confirmBody = z
  .strictObject({
    channel: words.max(100).openapi({ description: 'How the two were compared, such as telephone' }),
    with: words.max(300).openapi({ description: 'With whom: a contact found independently of the application' }),
  })
  .openapi('KeyConfirmation');
const confirmedSchema = z.object({ kid: z.string(), thumbprint: z.string(), at: seconds, by: z.string() }).openapi('ConfirmedKey');
const bindingBody = z
  .strictObject({
    key_proof: z.enum(KEY_PROOF_MODES).optional(),
    second_channel: z.enum(SECOND_CHANNEL_MODES).optional(),
    certificate_roots: z
      .string()
      .min(1)
      .max(65_536)
      .nullable()
      .optional()
      .openapi({ description: 'PEM: who may issue certificates in keys (x5c); null: only the keys themselves' }),
  })
  .openapi('Binding');

const presentChallenge = ({ id, nonce, aud, sub, purpose: what, exp }: Challenged): z.infer<typeof challengeSchema> => ({
  challenge_id: id,
  nonce,
  aud,
  sub,
  purpose: what,
  exp,
});
const presentProven = ({ purpose: what, at, keys }: Proven): z.infer<typeof provenSchema> => ({
  purpose: what,
  at,
  keys: keys.map(({ kid, thumbprint, sha256 }) => ({ kid, thumbprint, proof_sha256: sha256 })),
});

export function bindingEndpoints(app: AdminApp): void {
  const tag = 'Members';
  const base = '/authorities/{slug}/members/{id}/keys';
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/challenges`,
      tag,
      summary: 'Ask a member to prove that it has its keys',
      description: 'The answer can be given once, within ten minutes, with one JWS for each key.',
      body: challengeBody,
      bodyOptional: true,
      response: challengeSchema,
      status: 201,
      secrets: ['challenge_id', 'nonce'],
    },
    (c) => {
      const body = validJson<z.infer<typeof challengeBody>>(c);
      return write(c, 201, presentChallenge, (call) => challengeKeys(call, param(c, 'slug'), param(c, 'id'), body), { secret: true });
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/proofs`,
      tag,
      summary: 'Take the answer of a member: it has the keys',
      description: 'All proofs are good or none counts. The keys are looked for among those it has, shows or handed in, never in a header.',
      body: proofsBody,
      response: provenSchema,
    },
    (c) => {
      const body = validJson<z.infer<typeof proofsBody>>(c);
      return write(c, 200, presentProven, (call) => proveKeys(call, param(c, 'slug'), param(c, 'id'), body.challenge_id, body.proofs));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{key}/confirm`,
      tag,
      summary: 'Record that you compared a key with a contact of your own',
      body: confirmBody,
      response: confirmedSchema,
    },
    (c) => {
      const body = validJson<z.infer<typeof confirmBody>>(c);
      const said = { channel: body.channel, contact: body.with };
      return write(
        c,
        200,
        (one: Confirmed) => ({ ...one }),
        (call) => confirmKey(call, param(c, 'slug'), param(c, 'id'), param(c, 'key'), said),
      );
    },
  );
  endpoint(
    app,
    {
      method: 'put',
      path: '/authorities/{slug}/binding',
      tag: 'Authorities',
      summary: 'What is demanded of keys before they are vouched for',
      description: 'To demand more takes one person. To demand less takes the quorum: with 2 the first is answered 202.',
      body: bindingBody,
      response: authoritySchema,
      waits: true,
    },
    (c) => {
      const body = validJson<z.infer<typeof bindingBody>>(c);
      return write(c, 200, presentAuthority, (call) =>
        setBinding(call, param(c, 'slug'), { keyProof: body.key_proof, secondChannel: body.second_channel, certificateRoots: body.certificate_roots }),
      );
    },
  );
}
