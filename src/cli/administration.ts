import type { Command } from 'commander';
import { clean, dim, out, showFindings, table, talk, when } from './output.js';
import { confirm, globals, path, readInput, readJson, show } from './shell.js';

interface AuthorityView {
  readonly slug: string;
  readonly entity_id: string;
  readonly state: string;
  readonly generation: number;
  readonly members?: Readonly<Record<string, number>>;
}
interface KeyView {
  readonly kid: string;
  readonly alg: string;
  readonly state: string;
  readonly created_at: number;
  readonly active_at: number | null;
  readonly ended_at: number | null;
  readonly revoked_reason: string | null;
}
interface JobView {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly done: number;
  readonly total: number;
  readonly refused: number;
  readonly updated_at: number;
}
interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}
type Findings = Parameters<typeof showFindings>[0];

const collect = (value: string, before: string[]): string[] => [...before, value];

interface Settings {
  readonly hint?: string[];
  readonly configurationLifetime?: string;
  readonly statementLifetime?: string;
  readonly metadata?: string;
  readonly claims?: string;
  readonly keyRotation?: string;
  readonly clientAuth?: string;
}

function settings(options: Settings): Record<string, unknown> {
  return {
    ...(options.hint?.length && { authority_hints: options.hint.filter(Boolean) }),
    ...(options.configurationLifetime !== undefined && { configuration_lifetime: Number(options.configurationLifetime) }),
    ...(options.statementLifetime !== undefined && { statement_lifetime: Number(options.statementLifetime) }),
    ...(options.keyRotation !== undefined && { key_rotation: options.keyRotation === 'off' ? null : Number(options.keyRotation) }),
    ...(options.metadata !== undefined && { metadata: readJson(options.metadata) }),
    ...(options.claims !== undefined && { claims: readJson(options.claims) }),
    ...(options.clientAuth !== undefined && { client_auth: Object.fromEntries(options.clientAuth.split(',').map((one) => one.split('='))) }),
  };
}

const withSettings = (command: Command): Command =>
  command
    .option('--hint <entity-id>', 'a superior; repeat for several', collect, [])
    .option('--configuration-lifetime <seconds>')
    .option('--statement-lifetime <seconds>')
    .option('--key-rotation <seconds|off>', 'rotate the signing key this often')
    .option('--metadata <file>', 'JSON')
    .option('--claims <file>', 'further claims of the configuration, such as trust_mark_issuers (JSON)')
    .option('--client-auth <list>', 'e.g. fetch=optional,list=required');

export function authorityCommands(program: Command): void {
  const authority = program.command('authority').description('the entities this deployment operates');
  const describe = (one: AuthorityView) => {
    out(`${one.slug}  ${clean(one.entity_id)}  ${one.state}, generation ${one.generation}`);
    if (one.members)
      out(
        `  members  ${
          Object.entries(one.members)
            .map(([state, n]) => `${n} ${state}`)
            .join(', ') || 'none yet'
        }`,
      );
  };
  authority
    .command('list')
    .description('all authorities')
    .action(async (_options: object, command: Command) => {
      const { client, json } = globals(command);
      const page = await client.get<Page<AuthorityView>>('/authorities');
      show(json, page, () =>
        out(
          table(
            ['slug', 'entity identifier', 'state'],
            page.items.map((one) => [one.slug, one.entity_id, one.state]),
          ),
        ),
      );
    });
  authority
    .command('show [slug]')
    .description('one authority')
    .action(async (slug: string | undefined, _options: object, command: Command) => {
      const { client, json, authority: chosen } = globals(command);
      const one = await client.get<AuthorityView>(path('authorities', slug ?? chosen));
      show(json, one, () => describe(one));
    });
  withSettings(
    authority
      .command('create <slug>')
      .description('make an authority with its first key')
      .requiredOption('--entity-id <url>', 'its entity identifier')
      .option('--alg <alg>', 'of its keys', 'ES256'),
  ).action(async (slug: string, options: Settings & { entityId: string; alg: string }, command: Command) => {
    const { client, json } = globals(command);
    const one = await client.send<AuthorityView>('POST', '/authorities', { slug, entity_id: options.entityId, key_alg: options.alg, ...settings(options) });
    show(json, one, () => describe(one));
  });
  withSettings(authority.command('change <slug>').description('change settings')).action(async (slug: string, options: Settings, command: Command) => {
    const { client, json } = globals(command);
    const one = await client.send<AuthorityView>('PATCH', path('authorities', slug), settings(options));
    show(json, one, () => describe(one));
  });
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
    .option('--alg <alg>')
    .option('--no-stage', 'do not publish it yet')
    .action(async (options: { alg?: string; stage: boolean }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<KeyView>('POST', keys(authority), { ...(options.alg !== undefined && { alg: options.alg }), stage: options.stage });
      show(json, one, () => describe(one));
    });
  key
    .command('import <file>')
    .description('take over a private key: JWK (JSON) or PKCS#8 PEM, or - for stdin')
    .option('--alg <alg>')
    .action(async (file: string, options: { alg?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const text = readInput(file);
      const secret = text.trimStart().startsWith('{') ? { jwk: JSON.parse(text) as unknown } : { pem: text };
      const one = await client.send<KeyView>('POST', keys(authority), { ...secret, ...(options.alg !== undefined && { alg: options.alg }) });
      show(json, one, () => describe(one));
    });
  for (const [verb, about] of [
    ['stage', 'publish a key that is not signing yet'],
    ['retire', 'take a retiring key out of the configuration'],
  ] as const) {
    key
      .command(`${verb} <kid>`)
      .description(about)
      .action(async (kid: string, _options: object, command: Command) => {
        const { client, json, authority } = globals(command);
        const one = await client.send<KeyView>('POST', keys(authority, kid, verb));
        show(json, one, () => describe(one));
      });
  }
  key
    .command('activate <kid>')
    .description('sign with this key from now on')
    .option('--force', 'do not wait for caches and superiors')
    .option('--reason <text>')
    .action(async (kid: string, options: { force?: boolean; reason?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<KeyView>('POST', keys(authority, kid, 'activate'), {
        ...(options.force && { force: true }),
        ...(options.reason !== undefined && { reason: options.reason }),
      });
      show(json, one, () => describe(one));
    });
  key
    .command('revoke <kid>')
    .description('revoke a key; "compromised" withholds everything it signed')
    .requiredOption('--reason <reason>', 'unspecified, compromised, superseded, or a code of your own')
    .option('--yes <kid>', 'confirm by repeating the kid')
    .action(async (kid: string, options: { reason: string; yes?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      await confirm(kid, options.yes, `This revokes the key ${kid}; it cannot be undone`);
      const one = await client.send<KeyView>('POST', keys(authority, kid, 'revoke'), { reason: options.reason });
      show(json, one, () => describe(one));
    });
  key
    .command('export-public')
    .description("the authority's published keys as a JWK Set, for pinning out of band")
    .action(async (_options: object, command: Command) => {
      const { client, authority } = globals(command);
      const page = await client.get<Page<KeyView & { jwk: object }>>(keys(authority));
      process.stdout.write(
        `${JSON.stringify({ keys: page.items.filter(({ state }) => ['staged', 'active', 'retiring'].includes(state)).map(({ jwk }) => jwk) }, null, 2)}\n`,
      );
    });
}

export function policyCommands(program: Command): void {
  const policy = program.command('policy').description('metadata policies and constraints of an authority');
  const policies = (authority: string, ...more: string[]) => path('authorities', authority, 'policies', ...more);
  policy
    .command('list')
    .description('all versions')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<{ version: number; state: string; created_at: number; note: string | null }>>(policies(authority));
      show(json, page, () =>
        page.items.length
          ? out(
              table(
                ['version', 'state', 'made', 'note'],
                page.items.map((one) => [String(one.version), one.state, when(one.created_at), one.note ?? '']),
              ),
            )
          : talk('No policy yet. Draft one: npx holdfast policy draft policy.json'),
      );
    });
  policy
    .command('show <version>')
    .description('one version')
    .action(async (version: string, _options: object, command: Command) => {
      const { client, authority } = globals(command);
      process.stdout.write(`${JSON.stringify(await client.get(policies(authority, version)), null, 2)}\n`);
    });
  policy
    .command('check <file>')
    .description('{metadata_policy, constraints}: check it; changes nothing')
    .action(async (file: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const report = await client.send<{ ok: boolean; findings: Findings }>('POST', policies(authority, 'check'), readJson(file));
      show(json, report, () => out(report.ok ? 'The policy holds.' : showFindings(report.findings)));
      if (!report.ok) process.exitCode = 4;
    });
  policy
    .command('preview <file> <member>')
    .description("what it would do to one member's metadata")
    .option('--metadata <file>', "the member's metadata, when it is not reachable")
    .action(async (file: string, member: string, options: { metadata?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const report = await client.send<{ before: unknown; after: unknown; findings: Findings }>('POST', policies(authority, 'preview'), {
        ...(readJson(file) as object),
        member,
        ...(options.metadata !== undefined && { metadata: readJson(options.metadata) }),
      });
      show(json, report, () => {
        out(`before ${JSON.stringify(report.before, null, 2)}`);
        out(report.after ? `after ${JSON.stringify(report.after, null, 2)}` : `it breaks:\n${showFindings(report.findings)}`);
      });
      if (!report.after) process.exitCode = 4;
    });
  policy
    .command('draft <file>')
    .description('write a new version; nothing is published')
    .action(async (file: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<{ version: number }>('POST', policies(authority), readJson(file));
      show(json, one, () => talk(`Version ${one.version} is drafted. Next: npx holdfast policy publish ${one.version}`));
    });
  policy
    .command('publish <version>')
    .description('put a version in force; every statement is signed anew')
    .action(async (version: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const done = await client.send<{ job: string | null }>('POST', policies(authority, version, 'publish'));
      show(json, done, () => talk(done.job === null ? 'already_published' : `Published. Statements are signed anew: npx holdfast job show ${done.job}`));
    });
}

export function watchingCommands(program: Command): void {
  const job = program.command('job').description('imports and re-signings');
  const row = (one: JobView) => [one.id, one.kind, one.state, `${one.done} of ${one.total}`, String(one.refused), when(one.updated_at)];
  const header = ['id', 'kind', 'state', 'progress', 'refused', 'updated'];
  job
    .command('list')
    .description('newest first')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<JobView>>(path('authorities', authority, 'jobs'));
      show(json, page, () => (page.items.length ? out(table(header, page.items.map(row))) : talk('No jobs yet.')));
    });
  job
    .command('show <id>')
    .description('one job')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.get<JobView>(path('authorities', authority, 'jobs', id));
      show(json, one, () => out(table(header, [row(one)])));
    });
  const event = program.command('event').description('the audit trail');
  event
    .command('list')
    .description('oldest first')
    .option('--after <seq>')
    .option('--limit <n>', '1 to 1000', '100')
    .action(async (options: { after?: string; limit: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const query = new URLSearchParams({ limit: options.limit, ...(options.after !== undefined && { cursor: options.after }) });
      const page = await client.get<
        Page<{ seq: number; at: number; type: string; subject: { kind: string; id: string }; actor: { id: string }; reason: string | null }>
      >(`${path('authorities', authority, 'events')}?${query}`);
      show(json, page, () => {
        out(
          table(
            ['event', 'at', 'what', 'subject', 'by', 'reason'],
            page.items.map((one) => [String(one.seq), when(one.at), one.type, `${one.subject.kind} ${one.subject.id}`, one.actor.id, one.reason ?? '']),
          ),
        );
        if (page.next_cursor) talk(`More: --after ${page.next_cursor}`);
      });
    });
  program
    .command('whoami')
    .description('who you are on the server')
    .action(async (_options: object, command: Command) => {
      const { client, json } = globals(command);
      const me = await client.get<{ id: string; role: string; authorities: string[] | null; development: boolean }>('/whoami');
      show(json, me, () =>
        out(`${me.id}  ${me.role}  ${me.authorities?.join(', ') ?? 'all authorities'}  ${dim(client.url + (me.development ? ' (development mode)' : ''))}`),
      );
    });
  program
    .command('openapi')
    .description('the contract of the admin API on stdout')
    .action(async (_options: object, command: Command) => {
      process.stdout.write(`${JSON.stringify(await globals(command).client.get('/openapi.json'), null, 2)}\n`);
    });
  const keys = program.command('api-key').description('API keys of people and scripts');
  keys
    .command('list')
    .description('all keys; never their tokens')
    .action(async (_options: object, command: Command) => {
      const { client, json } = globals(command);
      const page =
        await client.get<
          Page<{
            id: string;
            name: string;
            prefix: string;
            role: string;
            authorities: string[] | null;
            expires_at: number | null;
            revoked_at: number | null;
            last_used_at: number | null;
          }>
        >('/api-keys');
      show(json, page, () =>
        out(
          table(
            ['id', 'name', 'role', 'authorities', 'expires', 'last used', ''],
            page.items.map((one) => [
              one.id,
              one.name,
              one.role,
              one.authorities?.join(',') ?? 'all',
              when(one.expires_at),
              when(one.last_used_at),
              one.revoked_at === null ? '' : 'revoked',
            ]),
          ),
        ),
      );
    });
  keys
    .command('create <name>')
    .description('make a key; its token is shown once')
    .requiredOption('--role <role>', 'owner, operator, approver or auditor')
    .option('--only <slug>', 'limit it to an authority; repeat for several', collect, [])
    .option('--expires <seconds>', 'from now')
    .action(async (name: string, options: { role: string; only: string[]; expires?: string }, command: Command) => {
      const { client, json } = globals(command);
      const one = await client.send<{ id: string; token: string }>('POST', '/api-keys', {
        name,
        role: options.role,
        authorities: options.only.length ? options.only : null,
        ...(options.expires !== undefined && { expires_at: Math.floor(Date.now() / 1000) + Number(options.expires) }),
      });
      show(json, one, () => {
        talk(`${one.id}: this token is shown once`);
        out(one.token);
      });
    });
  keys
    .command('revoke <id>')
    .description('end a key at once')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json } = globals(command);
      const one = await client.send<{ id: string }>('POST', path('api-keys', id, 'revoke'));
      show(json, one, () => talk(`${one.id} is revoked`));
    });
}
