import type { Adapter } from './provider-types.js';

/** Beyond so many entries the oldest go. */
const MAX_ENTRIES = 100_000;

type Payload = { readonly uid?: string; readonly userCode?: string; readonly grantId?: string; readonly [member: string]: unknown };

/** Everything in the memory of this process: for trying things. In production a configuration has an `adapter` of its own. */
export function memoryAdapter(milliseconds: () => number = () => performance.now()): (model: string) => Adapter {
  return () => {
    const entries = new Map<string, { readonly payload: Payload; readonly until: number }>();
    const live = (id: string): Payload | undefined => {
      const entry = entries.get(id);
      if (entry && entry.until > milliseconds()) return entry.payload;
      entries.delete(id);
      return undefined;
    };
    const by = (name: 'uid' | 'userCode', value: string): Payload | undefined => {
      for (const [id, { payload }] of entries) if (payload[name] === value) return live(id);
      return undefined;
    };
    return {
      find: async (id) => live(id),
      findByUid: async (uid) => by('uid', uid),
      findByUserCode: async (userCode) => by('userCode', userCode),
      async upsert(id, payload, expiresIn) {
        entries.delete(id);
        entries.set(id, { payload: payload as Payload, until: expiresIn === undefined ? Number.POSITIVE_INFINITY : milliseconds() + 1000 * expiresIn });
        for (const oldest of entries.keys()) {
          if (entries.size <= MAX_ENTRIES) break;
          entries.delete(oldest);
        }
      },
      async consume(id) {
        const entry = entries.get(id);
        if (entry) entries.set(id, { ...entry, payload: { ...entry.payload, consumed: Math.floor(Date.now() / 1000) } });
      },
      destroy: async (id) => void entries.delete(id),
      async revokeByGrantId(grantId) {
        for (const [id, { payload }] of entries) if (payload.grantId === grantId) entries.delete(id);
      },
    };
  };
}
