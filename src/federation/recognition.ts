type Claims = Readonly<Record<string, unknown>>;
const NAMES = ['trust_mark_issuers', 'trust_mark_owners'] as const;

/**
 * A Trust Anchor recognizes less than before (OpenID Federation 1.0 §3.1.2): a type or an issuer is gone, a type that
 * anyone might issue is somebody's now, or a type has another owner. What only came to be recognized narrows nothing.
 */
export function recognizesLess(before: Claims, after: Claims): boolean {
  return NAMES.some((name) => {
    const old = (before[name] ?? {}) as Claims;
    const now = (after[name] ?? {}) as Claims;
    const ownedNow = name === 'trust_mark_owners' && Object.keys(now).some((type) => !Object.hasOwn(old, type));
    return ownedNow || Object.entries(old).some(([type, said]) => !Object.hasOwn(now, type) || !keeps(said, now[type]));
  });
}

/** An empty list of issuers means anyone. */
function keeps(old: unknown, now: unknown): boolean {
  if (!Array.isArray(old) || !Array.isArray(now)) return JSON.stringify(old) === JSON.stringify(now);
  return now.length === 0 || (old.length > 0 && old.every((one) => now.includes(one)));
}
