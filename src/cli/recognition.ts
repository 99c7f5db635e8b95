import type { Command } from 'commander';
import type { JwkSet } from '../federation/entry.js';
import { CliError } from './client.js';
import { EXIT } from './exit-codes.js';
import { duration } from './kinds.js';
import { clean, out, table, talk, talkFindings, when } from './output.js';
import { collect, globals, type Page, path, readJson, show } from './shell.js';
import { didYouMean } from '../federation/nearest.js';

const root = (authority: string, ...more: string[]) => path('authorities', authority, ...more);

interface RecognizedView {
  readonly trust_mark_type: string;
  readonly issuers: readonly string[] | null;
  readonly owner: { readonly sub: string; readonly jwks: JwkSet } | null;
}
interface DelegationView {
  readonly id: string;
  readonly sub: string;
  readonly iat: number;
  readonly exp: number;
  readonly delegation: string;
}

/** An empty list means anyone (OpenID Federation 1.0 §3.1.2); no list at all says nothing of issuers. */
const issuersOf = (one: RecognizedView): string => (one.issuers === null ? '—' : one.issuers.length === 0 ? 'anyone' : one.issuers.join(', '));
const ownerKeys = ({ owner }: RecognizedView): string => owner?.jwks.keys.map(({ kid }) => String(kid)).join(', ') ?? '—';

function describe(one: RecognizedView): void {
  out(clean(one.trust_mark_type));
  out(`  issuers  ${clean(issuersOf(one))}`);
  out(`  owner    ${one.owner === null ? 'none' : `${clean(one.owner.sub)}, keys ${clean(ownerKeys(one))}`}`);
}

async function recognized(name: string | undefined, _options: object, command: Command): Promise<void> {
  const { client, json, authority } = globals(command);
  const page = await client.get<Page<RecognizedView>>(root(authority, 'recognized-mark-types'));
  if (name === undefined)
    return show(json, page, () =>
      page.items.length
        ? out(
            table(
              ['type', 'issuers', 'owner', "owner's keys"],
              page.items.map((one) => [one.trust_mark_type, issuersOf(one), one.owner?.sub ?? '—', ownerKeys(one)]),
            ),
          )
        : talk('No type is recognized. Begin with: npx holdfast mark type recognize <type> --issuer <entity-id>'),
    );
  const one = page.items.find((each) => each.trust_mark_type === name);
  if (!one) {
    const near = didYouMean(
      name,
      page.items.map((each) => each.trust_mark_type),
    );
    throw new CliError(EXIT.refused, `${name} is not recognized here${near}`, [], 'not_found');
  }
  return show(json, one, () => describe(one));
}

async function delegations(name: string, _options: object, command: Command): Promise<void> {
  const { client, json, authority } = globals(command);
  const page = await client.get<Page<DelegationView>>(root(authority, 'mark-types', name, 'delegations'));
  show(json, page, () => {
    if (page.items.length === 0) return talk(`No delegation of ${name} is signed. Sign one: npx holdfast mark type delegate ${name} <issuer>`);
    out(
      table(
        ['id', 'issuer', 'signed', 'until'],
        page.items.map((one) => [one.id, one.sub, when(one.iat), when(one.exp)]),
      ),
    );
    return talk('The delegations themselves: --json');
  });
}

/** `mark type recognize`, `recognized`, `forget`, `delegate` and `delegations`. */
export function recognitionCommands(type: Command): void {
  type
    .command('recognize <type>')
    .description('as a trust anchor: who may issue a type, and who owns it')
    .option('--issuer <entity-id>', 'repeat for several', collect, [])
    .option('--anyone', 'anyone may issue it')
    .option('--owner <entity-id>', 'who owns the type and delegates its issuing')
    .option('--owner-jwks <file>', "the owner's keys, obtained out of band")
    .option('--no-owner', 'nobody owns it: marks of it need no delegation')
    .action(async (name: string, options: { issuer: string[]; anyone?: boolean; owner?: string | false; ownerJwks?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const { issuer, anyone, owner, ownerJwks } = options;
      if (anyone && issuer.length) throw new CliError(EXIT.usage, 'name issuers, or say --anyone; not both');
      if ((typeof owner === 'string') !== (ownerJwks !== undefined))
        throw new CliError(EXIT.usage, 'an owner is named with its keys: --owner <entity-id> --owner-jwks <file>');
      if (!anyone && !issuer.length && owner === undefined)
        throw new CliError(EXIT.usage, 'say who may issue it (--issuer, --anyone) or who owns it (--owner, --no-owner)');
      const one = await client.send<{ findings?: Parameters<typeof talkFindings>[0] }>('PUT', root(authority, 'mark-types', name, 'recognition'), {
        ...((anyone || issuer.length) && { issuers: anyone ? [] : issuer }),
        ...(owner === false && { owner: null }),
        ...(ownerJwks !== undefined && { owner: { sub: owner, jwks: readJson(ownerJwks) } }),
      });
      show(json, one, () => talkFindings(one.findings));
      if (!json)
        await recognized(name, options, command).catch((error: unknown) => {
          // Without issuers and without an owner nothing is said of it any more.
          if (!(error instanceof CliError) || error.code !== 'not_found') throw error;
          talk(`${name} is recognized no longer`);
        });
    });
  type.command('recognized [type]').description('as a trust anchor: the types it recognizes, who may issue them and who owns them').action(recognized);
  type
    .command('forget <type>')
    .description('as a trust anchor: recognize a type no longer')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<object>('DELETE', root(authority, 'mark-types', name, 'recognition'));
      show(json, one, () => talk(`${name} is recognized no longer`));
    });
  type
    .command('delegate <type> <issuer>')
    .description('as the owner of a type: sign a delegation for an issuer, on stdout')
    .option('--lifetime <duration>', 'of the delegation: 365d, or seconds', duration)
    .option('--ref <uri>', 'what the mark means, for people')
    .action(async (name: string, issuer: string, options: { lifetime?: number; ref?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<{ delegation: string; exp: number }>('POST', root(authority, 'mark-types', name, 'delegations'), {
        issuer,
        ...(options.lifetime !== undefined && { lifetime: options.lifetime }),
        ...(options.ref !== undefined && { ref: options.ref }),
      });
      show(json, one, () => {
        talk(`${issuer} may issue ${name} until ${when(one.exp)}; send it this delegation`);
        out(one.delegation);
      });
    });
  type.command('delegations <type>').description('as the owner of a type: the delegations signed for it').action(delegations);
}
