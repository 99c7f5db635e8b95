import { anchorsOf } from './anchors.js';
import type { Deployment } from '../call.js';
import { evaluateAndStore, evaluateNow } from './evaluate-entities.js';
import type { Explained, Explanation, Questions } from '../explorer.js';
import { issuerOf } from '../artefacts/publish.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { takeEntity } from './store-evaluation.js';
import type { Verdict } from '../../resolver/evaluate.js';

/** Evaluate an entity now and explain every step; nothing is stored. */
export async function explainNow(deployment: Deployment, { slug, entityId, trustAnchor }: Questions['explain']['asked']): Promise<Explanation> {
  const row = await findAuthority(deployment.store.db, slug);
  const all = await anchorsOf(deployment, row);
  const anchors = trustAnchor === undefined ? all : Object.fromEntries(Object.entries(all).filter(([id]) => id === trustAnchor));
  const { walk, under } = (await evaluateNow(deployment, row, entityId, anchors)).evaluation;
  return { under: [...under].map(([anchor, verdict]) => explained(anchor, verdict)), steps: walk.steps };
}

function explained(trustAnchor: string, verdict: Verdict): Explained {
  if (verdict.state !== 'valid') return { trustAnchor, ...verdict };
  const { chain, marks, exp } = verdict;
  return { trustAnchor, state: 'valid', exp, metadata: chain.metadata, trustChain: chain.statements.map(({ compact }) => compact), trustMarks: marks };
}

/** What changes all the time is begun anew so often, within this time (milliseconds); then it is left to whoever evaluates in turn. */
const MAX_TRIES = 8;
const TRIES_MS = 20_000;

/**
 * Evaluate an entity out of turn and store what is found; one nobody knew is known from then on.
 * @throws Refusal wrong_state; temporarily_unavailable when somebody else has taken it, or made it due, each time
 */
export async function evaluateNamed(deployment: Deployment, { slug, entityId }: Questions['evaluate']['asked']): Promise<undefined> {
  const row = await findAuthority(deployment.store.db, slug);
  const issuer = await issuerOf(deployment, row);
  const until = performance.now() + TRIES_MS;
  for (let tries = 1; !(await evaluateAndStore(deployment, issuer, await takeEntity(deployment, row.id, entityId, 'wish'))); tries++)
    if (tries >= MAX_TRIES || performance.now() >= until)
      throw new Refusal(
        'temporarily_unavailable',
        `while ${entityId} was evaluated, what that rests on was changed or somebody else evaluated it, ${tries} times over; what was found was not kept: ask again`,
      );
}
