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

/**
 * It recognizes more than before, or not surely less: a type or an issuer has come, anyone may issue what was somebody's, or a
 * type needs no delegation of its owner any more, or that of another one.
 */
export function recognizesMore(before: Claims, after: Claims): boolean {
  const [issuers, issuersNow] = [object(before, 'trust_mark_issuers'), object(after, 'trust_mark_issuers')];
  const [owners, ownersNow] = [object(before, 'trust_mark_owners'), object(after, 'trust_mark_owners')];
  const issued = Object.entries(issuersNow).some(([type, now]) => !Object.hasOwn(issuers, type) || !within(now, issuers[type]));
  const owned = Object.entries(ownersNow).some(([type, now]) =>
    Object.hasOwn(owners, type) ? JSON.stringify(now) !== JSON.stringify(owners[type]) : !Object.hasOwn(issuers, type),
  );
  const freed = Object.keys(owners).some((type) => !Object.hasOwn(ownersNow, type) && Object.hasOwn(issuersNow, type));
  return issued || owned || freed;
}

const object = (claims: Claims, name: string): Claims => (typeof claims[name] === 'object' && claims[name] !== null ? (claims[name] as Claims) : {});

const within = (now: unknown, old: unknown): boolean =>
  Array.isArray(now) && Array.isArray(old)
    ? old.length === 0 || (now.length > 0 && now.every((one) => old.includes(one)))
    : JSON.stringify(now) === JSON.stringify(old);
