import { z } from 'zod';
import type { Finding } from '../federation/entry.js';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';

const words = z.string().catch('');
const finding = z.object({
  code: z.string(),
  detail: z.string(),
  where: words,
  clause: words,
  fix: words,
  transient: z.boolean().catch(false),
  severity: z.string().optional().catch(undefined),
});
const list = z.array(z.unknown()).catch([]);

export interface Said {
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly findings: readonly (Finding & { readonly severity?: string })[];
}

/** What a server says instead of an answer. Whoever answers may be no server of ours: what is not said as agreed is not said. */
export function saidIn(body: unknown): Said {
  const { code, detail, findings } = (body ?? {}) as Readonly<Record<string, unknown>>;
  return {
    code: typeof code === 'string' ? code : undefined,
    detail: typeof detail === 'string' ? detail : undefined,
    findings: list.parse(findings).flatMap((one) => {
      const read = finding.safeParse(one);
      return read.success ? [read.data as Finding & { readonly severity?: string }] : [];
    }),
  };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** @throws CliError for what no server of ours answers */
export async function readAnswer(url: string, response: Response): Promise<unknown> {
  const text = await response.text().catch((error: unknown) => {
    const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new CliError(EXIT.unreachable, `${url} broke off while it answered (${why}); ask again`, [], 'unreachable');
  });
  const value = parsed(text);
  const items = isObject(value) && 'items' in value ? value.items : [];
  if (!isObject(value) || Array.isArray(value) || !Array.isArray(items) || !items.every(isObject)) throw unlike(url);
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const unlike = (url: string): CliError =>
  new CliError(
    EXIT.refused,
    `${url} answers, but not as Holdfast does. Is it the right --url, and is nothing in front of the server that answers itself?`,
    [],
    'not_holdfast',
  );

const caller = z.looseObject({
  id: z.string().min(1),
  role: z.string().min(1),
  authorities: z.array(z.string()).nullish(),
  development: z.boolean().optional(),
  /** Whose key it is; of a version that knows persons. */
  person: z.looseObject({ name: z.string(), roles: z.array(z.looseObject({ role: z.string(), authority: z.string().nullable() })) }).nullish(),
});

/** Who holds the key, as the server knows it. @throws CliError also for a server that does not say it */
export async function whoAmI(client: { readonly url: string; get(path: string): Promise<unknown> }): Promise<z.infer<typeof caller>> {
  const read = caller.safeParse(await client.get('/whoami'));
  if (!read.success) throw unlike(client.url);
  return read.data;
}

/** What nobody foresaw: an answer of another shape, most likely. A failed fetch is one too, but says its cause. */
export const isUnforeseen = (error: unknown): error is TypeError => error instanceof TypeError && error.cause === undefined;
export const unforeseen = ({ message }: TypeError): string =>
  `the answer is not what this version expects (${message}). Is the server Holdfast, and of the version of this command line?`;
