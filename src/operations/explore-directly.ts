import { compareKeys } from './anchors.js';
import type { Deployment } from './call.js';
import { checkAuthorityNow } from './check-authority.js';
import { showsToken } from './domain-control.js';
import { evaluateNamed, explainNow } from './evaluate-asked.js';
import type { Question, Questions } from './explorer.js';
import { readMark } from './own-marks.js';
import { impactSlice } from './policy-impact.js';
import { preflightNow } from './preflight.js';
import { readConfiguration } from './statement-source.js';
import { listedKeys, policyUnder } from './superior-statement.js';

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
  policyUnder,
  mark: readMark,
  impact: (deployment) => impactSlice(deployment),
};

/** A deployment that reads strangers itself, through its own door: on Workers, in the discovery thread, in tests. */
export function exploringDirectly(parts: Omit<Deployment, 'explorer'>): Deployment {
  const deployment: Deployment = { ...parts, explorer: { ask: (question, asked) => ANSWERS[question](deployment, asked) } };
  return deployment;
}
