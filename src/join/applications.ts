import type { z } from '@hono/zod-openapi';
import { editOwn } from '../operations/join/edit.js';
import { messageOwn } from '../operations/join/message.js';
import { challengeOwn, proveOwn } from '../operations/join/own-keys.js';
import { preflightOwn } from '../operations/join/preflight-own.js';
import { showLink } from '../operations/join/show-link.js';
import { showOwn } from '../operations/join/show-own.js';
import { submitApplication } from '../operations/join/submit.js';
import { withdrawOwn } from '../operations/join/withdraw.js';
import { findOwn } from '../operations/join/applicant.js';
import { isError } from '../operations/judged.js';
import { applicationId, type JoinApp, type JoinContext, param, secretOf, validJson } from './context.js';
import { endpoint } from './endpoint.js';
import {
  applicationBody,
  challengeSchema,
  editBody,
  emptyBody,
  messageBody,
  offerSchema,
  organizationOf,
  ownSchema,
  preflightSchema,
  presentOffer,
  presentOwn,
  presentSummary,
  proofsBody,
  provenSchema,
  requestedOf,
  submittedSchema,
  summarySchema,
} from './wire.js';

const answer = (c: JoinContext, body: object, status: 200 | 201 = 200): Response => c.json(body, status, { 'cache-control': 'no-store' });
const one = '/applications/{id}';

/** What strangers may ask. */
export function joinEndpoints(app: JoinApp): void {
  endpoint(
    app,
    {
      method: 'post',
      path: '/applications',
      tag: 'Applications',
      operationId: 'apply',
      summary: 'Hand in an application',
      description:
        'With the secret of a join link. It is put on record whoever bears the identifier: what speaks against it a person of the authority looks at. The answer holds the token of the application, once. Sent again with the same Idempotency-Key (43 random characters or more) it is the same application, and the token is told again.',
      body: applicationBody,
      response: submittedSchema,
      status: 201,
      secret: 'link',
      repeatable: true,
    },
    async (c) => {
      const { deployment } = c.var;
      const body = validJson<z.infer<typeof applicationBody>>(c);
      const { row, token } = await submitApplication(deployment, {
        linkId: body.join_link,
        secret: secretOf(c, 'link'),
        entityId: body.entity_id,
        requested: requestedOf(body),
        details: { organization: organizationOf(body.organization), contacts: body.contacts ?? [] },
        message: body.message,
        key: c.req.header('idempotency-key'),
      });
      return answer(c, { ...presentSummary(await findOwn(deployment, row.id, token)), token }, 201);
    },
  );
  endpoint(
    app,
    {
      method: 'get',
      path: one,
      tag: 'Applications',
      operationId: 'showApplication',
      summary: 'Your application: where it stands, what was said, what to do next',
      description: 'With the token of the application. Changes nothing.',
      response: ownSchema,
      secret: 'application',
    },
    async (c) => answer(c, presentOwn(await showOwn(c.var.deployment, applicationId(c), secretOf(c, 'application')))),
  );
  endpoint(
    app,
    {
      method: 'patch',
      path: one,
      tag: 'Applications',
      operationId: 'editApplication',
      summary: 'Change what you ask for',
      description:
        'While nobody has taken it, or when the authority has asked you something. Fields left out stay. Whoever approved it approved something else: what was changed is looked at anew.',
      body: editBody,
      response: summarySchema,
      secret: 'application',
    },
    async (c) => {
      const body = validJson<z.infer<typeof editBody>>(c);
      const { organization, contacts, v: version } = body;
      const edit = { requested: requestedOf(body), organization: organization && organizationOf(organization), contacts, version };
      return answer(c, presentSummary(await editOwn(c.var.deployment, applicationId(c), secretOf(c, 'application'), edit)));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${one}/messages`,
      tag: 'Applications',
      operationId: 'writeMessage',
      summary: 'Write to the authority',
      description: 'It is for a person of the authority to act then.',
      body: messageBody,
      response: summarySchema,
      secret: 'application',
    },
    async (c) => {
      const { text } = validJson<z.infer<typeof messageBody>>(c);
      return answer(c, presentSummary(await messageOwn(c.var.deployment, applicationId(c), secretOf(c, 'application'), text)));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${one}/withdraw`,
      tag: 'Applications',
      operationId: 'withdrawApplication',
      summary: 'Take the application back',
      description: 'While nobody has decided about it for good. You may apply again.',
      body: emptyBody,
      response: summarySchema,
      secret: 'application',
    },
    async (c) => answer(c, presentSummary(await withdrawOwn(c.var.deployment, applicationId(c), secretOf(c, 'application')))),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${one}/preflight`,
      tag: 'Applications',
      operationId: 'preflight',
      summary: 'Have what you publish checked by the rules of the authority',
      description: 'It fetches your entity configuration and changes nothing.',
      body: emptyBody,
      response: preflightSchema,
      secret: 'application',
    },
    async (c) => {
      const { entityId, entityTypes, intermediate, findings } = await preflightOwn(c.var.deployment, applicationId(c), secretOf(c, 'application'));
      return answer(c, { entity_id: entityId, ok: !findings.some(isError), entity_types: [...entityTypes], intermediate, findings: [...findings] });
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${one}/challenges`,
      tag: 'Keys',
      operationId: 'askForChallenge',
      summary: 'Ask what to sign with your keys',
      description: 'Good for ten minutes and one answer.',
      body: emptyBody,
      response: challengeSchema,
      status: 201,
      secret: 'application',
    },
    async (c) => {
      const { id: challenge_id, ...challenge } = await challengeOwn(c.var.deployment, applicationId(c), secretOf(c, 'application'));
      return answer(c, { challenge_id, ...challenge }, 201);
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${one}/proofs`,
      tag: 'Keys',
      operationId: 'proveKeys',
      summary: 'Answer a challenge: one JWS for each key',
      description: 'All proofs are good or none counts. A proof counts for a day.',
      body: proofsBody,
      response: provenSchema,
      secret: 'application',
    },
    async (c) => {
      const { challenge_id, proofs } = validJson<z.infer<typeof proofsBody>>(c);
      const proven = await proveOwn(c.var.deployment, applicationId(c), secretOf(c, 'application'), challenge_id, proofs);
      return answer(c, { ...proven, keys: [...proven.keys] });
    },
  );
  endpoint(
    app,
    {
      method: 'get',
      path: '/{link}',
      tag: 'Join links',
      operationId: 'showJoinLink',
      summary: 'What a join link offers',
      description: 'Whose it is and what to hand in. Changes nothing, and takes no secret.',
      response: offerSchema,
    },
    async (c) => answer(c, presentOffer(await showLink(c.var.deployment, param(c, 'link')))),
  );
}
