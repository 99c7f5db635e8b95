import { parseJson } from '../federation/strict-json.js';
import type { ImportLine } from '../operations/members/import-members.js';
import { enrollmentOf, newMember } from './wire.js';

/** The identifier that a line gives, for the report: also one that is none. */
const idOf = (value: unknown): { readonly entityId?: string } => {
  const id = (value as { entity_id?: unknown } | null)?.entity_id;
  return typeof id === 'string' ? { entityId: id } : {};
};

/** A line is what POST …/members takes; a mere text as domain_control is somebody's word. */
export function lineOf(value: unknown, line: number): ImportLine {
  const word = (value as { domain_control?: unknown } | null)?.domain_control;
  const parsed = newMember.safeParse(typeof word === 'string' ? { ...(value as object), domain_control: { method: 'operator', reason: word } } : value);
  if (parsed.success) return { line, input: enrollmentOf(parsed.data) };
  return { line, ...idOf(value), fault: parsed.error.issues.map((issue) => `${issue.path.join('/') || 'line'}: ${issue.message}`).join('; ') };
}

/** A line of NDJSON. */
export function jsonLine(text: string, line: number): ImportLine {
  if (text.trim() === '') return { line };
  const json = parseJson(text, 'line');
  return json.ok ? { ...lineOf(json.value, line), bytes: text.length } : { line, fault: json.findings[0]?.detail ?? 'not JSON' };
}
