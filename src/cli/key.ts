import { isDryRun } from './dry-run.js';
import type { Command } from 'commander';
import { type Client, CliError } from './client.js';
import { proveCommand } from './key-prove.js';
import { type JobView, jobDone } from './waiting.js';
import { out, printJson, table, talk, when } from './output.js';
import { confirm, globals, parseText, path, readInput, show, type Page } from './shell.js';

interface KeyView {
  readonly kid: string;
  readonly alg: string;
  readonly state: string;
  readonly created_at: number;
  readonly active_at: number | null;
  readonly ended_at: number | null;
  readonly revoked_reason: string | null;
}

/** What a person has to do after a key is gone: who signs, and who still believes the old one. */
async function afterRevocation(command: Command, reason: string, foreign: readonly string[]): Promise<void> {
  const { client, authority } = globals(command);
  // The key is revoked already: that it cannot be told who signs is no failure of that.
  const read = client.get<{ authority_hints: readonly string[]; keys: readonly KeyView[] }>(path('authorities', authority));
  const now = await read.catch((error: unknown) => {
    talk(
      `Which key signs instead could not be read: ${error instanceof Error ? error.message : String(error)}. See: npx holdfast --authority ${authority} key list`,
    );
    return undefined;
  });
  const signing = now?.keys.find(({ state }) => state === 'active');
  if (signing) talk(`${signing.kid} (${signing.alg}) signs; everything is signed anew with it.`);
  else if (now) talk(`No key signs: make one with npx holdfast --authority ${authority} key generate`);
  // Of a compromised key the superiors of this deployment know already.
  const compromised = reason === 'compromised';
  const superiors = compromised ? foreign : (now?.authority_hints ?? []);
  const whom = [...superiors, 'everyone who has pinned the keys of this authority'].join(', ');
  const vouch = superiors.length ? ' They may still vouch for the revoked one: have it removed.' : '';
  talk(`${compromised ? 'Tell at once' : 'Tell'}: ${whom}. Give them the keys of: npx holdfast --authority ${authority} key export-public.${vouch}`);
}

/** A key that is not ready is told with the way around the wait. */
async function orForce<T>(sent: Promise<T>): Promise<T> {
  try {
    return await sent;
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'key_not_ready') throw error;
    throw new CliError(error.exitCode, `${error.message}. If you cannot wait: --force --reason <text>`, error.findings, error.code);
  }
}

/** Wait for the jobs that sign anew. */
async function resigned(client: Client, authority: string): Promise<void> {
  const { items } = await client.get<Page<JobView>>(path('authorities', authority, 'jobs'));
  for (const job of items.filter(({ state, kind }) => state === 'running' && kind === 'resign'))
    await jobDone(client, authority, job, ({ done, total }) => `${done} of ${total} signed anew`);
}

export function keyCommands(program: Command): void {
  const key = program.command('key').description('signing keys of an authority');
  const keys = (authority: string, ...more: string[]) => path('authorities', authority, 'keys', ...more);
  const describe = (one: KeyView) => out(`${one.kid}  ${one.alg}  ${one.state}${one.revoked_reason ? ` (${one.revoked_reason})` : ''}`);
  key
    .command('list')
    .description('all keys, past ones included')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<KeyView>>(keys(authority));
      show(json, page, () =>
        out(
          table(
            ['state', 'alg', 'kid', 'signing since', 'ended'],
            page.items.map((one) => [
              one.state,
              one.alg,
              one.kid,
              when(one.active_at),
              one.ended_at === null ? '—' : `${when(one.ended_at)} ${one.revoked_reason ?? ''}`,
            ]),
          ),
        ),
      );
    });
  key
    .command('generate')
    .description('make a key and publish it as staged')
    .option('--alg <alg>', 'what it signs with: ES256, PS256, EdDSA, …')
    .option('--no-stage', 'do not publish it yet')
    .action(async (options: { alg?: string; stage: boolean }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<KeyView>('POST', keys(authority), { ...(options.alg !== undefined && { alg: options.alg }), stage: options.stage });
      show(json, one, () => describe(one));
    });
  key
    .command('import <file>')
    .description('take over a private key: JWK (JSON) or PKCS#8 PEM, or - for stdin')
    .option('--alg <alg>', 'what it signs with: ES256, PS256, EdDSA, …')
    .action(async (file: string, options: { alg?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const text = readInput(file);
      const secret = text.trimStart().startsWith('{') ? { jwk: parseText(text, file) } : { pem: text };
      const one = await client.send<KeyView>('POST', keys(authority), { ...secret, ...(options.alg !== undefined && { alg: options.alg }) });
      show(json, one, () => describe(one));
    });
  key
    .command('stage <kid>')
    .description('publish a key that is not signing yet')
    .action(async (kid: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<KeyView>('POST', keys(authority, kid, 'stage'));
      show(json, one, () => describe(one));
    });
  key
    .command('retire <kid>')
    .description('take a retiring key out of the configuration, once nothing it signed is valid any more')
    .option('--force', 'do not wait for what it signed to end; needs --reason')
    .option('--reason <text>', 'why; it stands in the audit trail')
    .action(async (kid: string, options: { force?: boolean; reason?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await orForce(
        client.send<KeyView>('POST', keys(authority, kid, 'retire'), {
          ...(options.force && { force: true }),
          ...(options.reason !== undefined && { reason: options.reason }),
        }),
      );
      show(json, one, () => describe(one));
    });
  key
    .command('activate <kid>')
    .description('sign with this key from now on')
    .option('--force', 'do not wait for caches and superiors')
    .option('--reason <text>', 'why; it stands in the audit trail')
    .action(async (kid: string, options: { force?: boolean; reason?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await orForce(
        client.send<KeyView>('POST', keys(authority, kid, 'activate'), {
          ...(options.force && { force: true }),
          ...(options.reason !== undefined && { reason: options.reason }),
        }),
      );
      show(json, one, () => describe(one));
    });
  key
    .command('revoke <kid>')
    .description('revoke a key; everything it signed is withheld until it is signed anew')
    .requiredOption('--reason <reason>', 'unspecified, compromised or superseded')
    .option('--yes <kid>', 'confirm by repeating the kid')
    .option('--wait', 'until everything is signed anew, with progress')
    .action(async (kid: string, options: { reason: string; yes?: string; wait?: boolean }, command: Command) => {
      const { client, json, authority } = globals(command);
      await confirm(kid, options.yes, `This revokes the key ${kid}; it cannot be undone`);
      const one = await client.send<KeyView & { readonly foreign_superiors: readonly string[] }>('POST', keys(authority, kid, 'revoke'), {
        reason: options.reason,
      });
      show(json, one, () => describe(one));
      if (isDryRun()) return;
      await afterRevocation(command, options.reason, one.foreign_superiors);
      if (options.wait) await resigned(client, authority);
    });
  proveCommand(key);
  key
    .command('export-public')
    .description("the authority's published keys as a JWK Set, for pinning out of band")
    .action(async (_options: object, command: Command) => {
      const { client, authority } = globals(command);
      const page = await client.get<Page<KeyView & { jwk: object }>>(keys(authority));
      printJson({ keys: page.items.filter(({ state }) => ['staged', 'active', 'retiring'].includes(state)).map(({ jwk }) => jwk) });
    });
}
