import { compareKeys } from './resolving/anchors.js';
import type { Deployment } from './call.js';
import { checkAuthorityNow } from './authorities/check-authority.js';
import { showsToken } from './members/domain-control.js';
import { statedKeys } from './members/identifier-uniqueness.js';
import { evaluateNamed, explainNow } from './resolving/evaluate-asked.js';
import type { Question, Questions } from './explorer.js';
import { readMark } from './marks/own-marks.js';
import { impactSlice } from './policies/policy-impact.js';
import { preflightNow } from './members/preflight.js';
import { readConfiguration } from './resolving/statement-source.js';
import { signMovedLists } from './status/sign-lists.js';
import { createTurns } from './turns.js';
import { listedKeys, policyUnder } from './authorities/superior-statement.js';

type Answers = { readonly [Q in Question]: (deployment: Deployment, asked: Questions[Q]['asked']) => Promise<Questions[Q]['answer']> };

const ANSWERS: Answers = {
  explain: explainNow,
  evaluate: evaluateNamed,
  preflight: preflightNow,
  checkAuthority: checkAuthorityNow,
  configuration: readConfiguration,
  domainControl: showsToken,
  compareKeys,
  listedKeys,
  statedKeys,
  policyUnder,
  mark: readMark,
  impact: (deployment) => impactSlice(deployment),
};

/**
 * A deployment that reads strangers itself, through its own door: on Workers, in the discovery thread, in tests.
 * @param turns its own unless it is a part of a process that has some
 */
export function exploringDirectly(parts: Omit<Deployment, 'explorer' | 'now' | 'turns' | 'afterCommit'>, turns = createTurns()): Deployment {
  const deployment: Deployment = {
    ...parts,
    now: parts.clock.now,
    turns,
    afterCommit: signMovedLists,
    explorer: { ask: (question, asked) => ANSWERS[question](deployment, asked) },
  };
  return deployment;
}
