import { gte, lt, and, asc } from 'drizzle-orm';
import { z } from 'zod';
import { newId } from '../keys/random.js';
import type { Database } from './database.js';
import { type Reach, REACHES } from './due-artefacts.js';
import { setting } from './schema.js';

/**
 * Notes of what a change made due and no commit has written yet, as rows of `setting`. The name says what is to be done, the value which act
 * asked for it and how far it is; so a value that nobody can read begins anew, which does no harm, and a name that nobody can read is passed
 * over, and told by `holdfast fsck`. That nothing is served before does not hang on notes (withheld.ts).
 */
export type Work =
  /** Artefacts that are older than a generation are to be signed anew. */
  | {
      readonly kind: 'artefacts';
      readonly authorityId: string;
      readonly generation: number;
      readonly reach: Reach;
      readonly withheld: string | true | undefined;
    }
  /** What an authority knows is to be evaluated anew. */
  | { readonly kind: 'known'; readonly authorityId: string }
  /** What rests on it is (due-slices.ts). */
  | { readonly kind: 'resting'; readonly authorityId: string; readonly how: (typeof HOW)[number] };

const HOW = ['due', 'elsewhere', 'void', 'narrowed'] as const;
/** Up to where all is written: an id of an artefact; an identifier; an authority and an identifier. */
export interface Places {
  readonly artefacts: number;
  readonly known: string;
  readonly resting: readonly [authorityId: string, subject: string];
}
export interface Note<Kind extends Work['kind'] = Work['kind']> {
  readonly work: Work & { readonly kind: Kind };
  /** As it stands in the store: what has another value is the note of another slice, or of another act. Undefined: nobody can tell, so that it is to begin anew. */
  readonly value: string | undefined;
  readonly token: string;
  readonly to: Places[Kind];
}
export type AnyNote = { [Kind in Work['kind']]: Note<Kind> }[Work['kind']];

const NOTE = 'due ';
const BEHIND = 'due!';
/** What is withheld, as a word. */
const NOTHING = '-';
const ALL = '*';
const BY_KEY = 'kid:';

const wordFor = (withheld: string | true | undefined): string =>
  withheld === undefined ? NOTHING : withheld === true ? ALL : `${BY_KEY}${encodeURIComponent(withheld)}`;

export function nameOf(work: Work): string {
  const words = work.kind === 'artefacts' ? [work.generation, work.reach, wordFor(work.withheld)] : work.kind === 'resting' ? [work.how] : [];
  return `${NOTE}${[work.kind, work.authorityId, ...words].join(' ')}`;
}

const id = z.string().min(1).max(100);
const withheldBy = z
  .string()
  .max(10_000)
  .transform((word, context) => {
    try {
      if (word === NOTHING) return undefined;
      if (word === ALL) return true as const;
      if (word.startsWith(BY_KEY)) return decodeURIComponent(word.slice(BY_KEY.length));
    } catch {
      // Said below.
    }
    context.addIssue({ code: 'custom', message: 'not a word for what is withheld' });
    return z.NEVER;
  });
const named = z.union([
  z
    .tuple([z.literal('artefacts'), id, z.string().regex(/^[0-9]{1,15}$/), z.enum(REACHES), withheldBy])
    .transform(([kind, authorityId, generation, reach, withheld]): Work => ({ kind, authorityId, generation: Number(generation), reach, withheld })),
  z.tuple([z.literal('known'), id]).transform(([kind, authorityId]): Work => ({ kind, authorityId })),
  z.tuple([z.literal('resting'), id, z.enum(HOW)]).transform(([kind, authorityId, how]): Work => ({ kind, authorityId, how })),
]);

/** An identifier is no longer. */
const MOST_CHARACTERS = 10_000;
const BEGINNING: Places = { artefacts: 0, known: '', resting: ['', ''] };
const place = {
  artefacts: z.number().int().min(0),
  known: z.string().max(MOST_CHARACTERS),
  resting: z.tuple([z.string().max(MOST_CHARACTERS), z.string().max(MOST_CHARACTERS)]),
} as const;

export const newToken = (): string => newId('due');
/** Plain characters alone, so that one whose bytes are no text is seen not to be ours: a comparison would never find it. */
const plain = (value: object): string => JSON.stringify(value).replace(/[^\x20-\x7e]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
const isPlain = (value: unknown): value is string => typeof value === 'string' && /^[\x20-\x7e]*$/.test(value);
/** The value of a note whose first slice is to come. */
export const startOf = (token: string): string => plain({ token });
export const progressOf = (token: string, to: Places[keyof Places]): string => plain({ token, to });

/** Could a slice end here? What comes out of a damaged cell is not found again behind itself: it is no text, or another one. */
export const isPlace = (identifier: unknown): identifier is string =>
  typeof identifier === 'string' && identifier.length <= MOST_CHARACTERS && !/[\0\ufffd]/.test(identifier);

const saidIn = (value: string): unknown => {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
};

function read(name: string, value: unknown): AnyNote | undefined {
  const parsed = named.safeParse(name.slice(NOTE.length).split(' '));
  if (!parsed.success) return undefined;
  const work = parsed.data;
  const said = isPlain(value) ? z.object({ token: id, to: place[work.kind].optional() }).safeParse(saidIn(value)) : undefined;
  const [token, to] = said?.success ? [said.data.token, said.data.to] : [newToken(), undefined];
  return { work, value: said?.success ? value : undefined, token, to: to ?? BEGINNING[work.kind] } as AnyNote;
}

/** All notes, and the names of those that nobody can read. */
export async function notesLeft(db: Database): Promise<{ readonly notes: readonly AnyNote[]; readonly unreadable: readonly string[] }> {
  const rows = await db
    .select()
    .from(setting)
    .where(and(gte(setting.name, NOTE), lt(setting.name, BEHIND)))
    .orderBy(asc(setting.name));
  const all = rows.map(({ name, value }) => ({ name, note: read(name, value) }));
  return { notes: all.flatMap(({ note }) => note ?? []), unreadable: all.flatMap(({ name, note }) => (note ? [] : [name])) };
}
