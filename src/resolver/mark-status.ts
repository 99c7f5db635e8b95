import { finding, mediaTypes, type Result, validateTrustMarkStatus } from '../federation/entry.js';
import type { Outbound } from '../outbound/outbound.js';
import type { MarkIssuer } from './judge-marks.js';

/**
 * Ask a mark's issuer whether the mark is active (OpenID Federation 1.0 §8.4). Not being able to find out is a finding,
 * never a yes.
 */
export async function askMarkStatus(outbound: Outbound, issuer: MarkIssuer, mark: string, now: number): Promise<Result<boolean>> {
  const unknown = (detail: string, transient = false) =>
    ({ ok: false, findings: [finding('trust_mark_status_unknown', issuer.entityId, detail, transient)] }) as const;
  if (issuer.statusEndpoint === undefined) return unknown('the issuer publishes no status endpoint, so only a mark of at most seven days counts');
  const reply = await outbound.post({
    url: issuer.statusEndpoint,
    mediaType: mediaTypes.TRUST_MARK_STATUS_RESPONSE,
    form: new URLSearchParams({ trust_mark: mark }),
  });
  if (!reply.ok) return unknown(reply.findings[0]?.detail ?? 'no answer', reply.findings[0]?.transient ?? true);
  const answer = await validateTrustMarkStatus(reply.value.body.trim(), { now, issuer, trustMark: mark });
  return answer.ok ? { ok: true, value: answer.value.active } : answer;
}
