import type { Command } from 'commander';
import type { Finding } from '../federation/entry.js';
import { coloredState, type MessageView, type RefusalView, showThread } from './application.js';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';
import { type Application, readApplication, readLink, reserveFile } from './application-file.js';
import { rmSync } from 'node:fs';
import { newNonce } from '../keys/random.js';
import { askJoin, askOnce } from './join-client.js';
import { type Challenge, proofsWith } from './key-prove.js';
import { clean, green, out, red, showFindings, talk } from './output.js';
import { collect, readInput, readJson, show } from './shell.js';

interface Summary {
  readonly id: string;
  readonly entity_id: string;
  readonly authority: string;
  readonly state: string;
  readonly waiting_on: string | null;
  readonly next: readonly string[];
}
interface Own extends Summary {
  readonly messages: readonly MessageView[];
  readonly refusal: RefusalView | null;
  readonly findings: readonly Finding[];
}
interface Asked {
  readonly organization?: string;
  readonly registrationNumber?: string;
  readonly jurisdiction?: string;
  readonly jwks?: string;
  readonly type: string[];
  readonly intermediate?: boolean;
  readonly scope: string[];
  readonly bundle: string[];
  readonly markType: string[];
  readonly contact: string[];
}

const FILE = 'holdfast-application.json';
const isJson = (command: Command): boolean => command.optsWithGlobals<{ json?: boolean }>().json === true;
const withFile = (command: Command): Command => command.option('--file <file>', 'where the token of the application is kept, mode 0600', FILE);
const list = <T>(name: string, values: readonly T[]) => (values.length ? { [name]: values } : {});

const withAsked = (command: Command): Command =>
  command
    .option('--organization <name>', 'the legal body, as a register has it')
    .option('--registration-number <registration>', 'its number there; with --jurisdiction')
    .option('--jurisdiction <code>', 'whose register it is, by ISO 3166: SE, US-DE')
    .option('--jwks <file>', 'your public Federation Entity Keys as a JWK Set; left out: those of your published entity configuration')
    .option('--type <type>', 'what you are, such as openid_relying_party; repeat for several', collect, [])
    .option('--intermediate', 'you will have subordinates of your own')
    .option('--scope <scope>', 'a scope that you want to ask for; repeat for several', collect, [])
    .option('--bundle <name>', 'a bundle of entitlements, as the authority told you; repeat for several', collect, [])
    .option('--mark-type <type>', 'a trust mark that you want; repeat for several', collect, [])
    .option('--contact <email>', 'whom to ask; repeat for several', collect, []);

const organizationOf = ({ organization, registrationNumber, jurisdiction }: Asked) =>
  organization === undefined
    ? {}
    : {
        organization: {
          legal_name: organization,
          ...(registrationNumber !== undefined && { registration_number: registrationNumber }),
          ...(jurisdiction !== undefined && { jurisdiction }),
        },
      };
const bodyOf = (asked: Asked): Readonly<Record<string, unknown>> => ({
  ...organizationOf(asked),
  ...(asked.jwks !== undefined && { jwks: publicOf(readJson(asked.jwks)) }),
  ...list('entity_types', asked.type),
  ...(asked.intermediate && { intermediate: true }),
  ...list('scopes', asked.scope),
  ...list('bundles', asked.bundle),
  ...list('trust_mark_types', asked.markType),
  ...list(
    'contacts',
    asked.contact.map((email) => ({ email })),
  ),
});

/** One key as a set; what is private in it is the server's to refuse, aloud. */
const publicOf = (value: unknown): unknown => (typeof value === 'object' && value !== null && 'kty' in value ? { keys: [value] } : value);

function summarize(one: Summary): void {
  out(
    `${one.id}  ${coloredState(one.state)}${one.waiting_on === null ? '' : `, waiting on the ${one.waiting_on}`}  ${clean(one.entity_id)} at ${clean(one.authority)}`,
  );
  for (const step of one.next) talk(`next: ${step}`);
}

interface Kept {
  readonly file: string;
}
const ask = <T>({ url, application, token }: Application, method: 'GET' | 'POST' | 'PATCH', more = '', body?: unknown): Promise<T> =>
  askJoin<T>(url, token, method, `/applications/${encodeURIComponent(application)}${more}`, body);

/** `apply`: the side of whoever wants to become a member. It needs a join link and no API key. */
export function applyCommands(program: Command): void {
  const apply = program.command('apply').description('apply for membership with a join link: for partners; needs no API key');
  withFile(
    withAsked(apply.command('send <link>').description('hand in an application; the link whole, or - to read it from standard input'))
      .requiredOption('--entity-id <entity-id>', 'your Entity Identifier')
      .option('--message <text>', 'a word to the authority'),
  )
    .option('--dry-run', 'show what would be sent, and send nothing')
    .action(async (text: string, options: Asked & Kept & { entityId: string; message?: string; dryRun?: boolean }, command: Command) => {
      const link = readLink(text === '-' ? readInput('-') : text);
      if (options.organization === undefined) throw new CliError(EXIT.usage, 'say whose entity it is: --organization <name>');
      const body = {
        join_link: link.id,
        entity_id: options.entityId,
        ...bodyOf(options),
        ...(options.message !== undefined && { message: options.message }),
      };
      if (options.dryRun) return show(isJson(command), body, () => talk(`Dry run: nothing was sent. It would be sent to ${link.url}: ${JSON.stringify(body)}`));
      const keep = reserveFile(options.file);
      try {
        const { token, ...sent } = await askOnce<Summary & { token: string }>(link.url, link.secret, '/applications', body, newNonce());
        keep({ url: link.url, application: sent.id, token });
        show(isJson(command), { ...sent, file: options.file }, () => {
          summarize(sent);
          talk(`The token is kept in ${options.file}. How it stands: npx holdfast apply status`);
        });
      } catch (error) {
        rmSync(options.file, { force: true });
        throw error;
      }
    });
  withFile(apply.command('status').description('where your application stands, what was said, and what to do next')).action(
    async ({ file }: Kept, command: Command) => {
      const own = await ask<Own>(readApplication(file), 'GET');
      show(isJson(command), own, () => {
        summarize(own);
        showThread(own.messages, own.refusal);
        if (own.findings.length) out(showFindings(own.findings));
      });
    },
  );
  withFile(apply.command('message <text>').description('write to the authority; what it asked you is answered then'))
    .option('--dry-run', 'show what would be sent, and send nothing')
    .action(async (text: string, { file, dryRun }: Kept & { dryRun?: boolean }, command: Command) => {
      const own = readApplication(file);
      if (dryRun) return show(isJson(command), { text }, () => talk(`Dry run: nothing was sent. It would be sent: ${clean(text)}`));
      const one = await ask<Summary>(own, 'POST', '/messages', { text });
      show(isJson(command), one, () => summarize(one));
    });
  withFile(withAsked(apply.command('change').description('change what you ask for; what is not named stays')))
    .option('--dry-run', 'show what would be sent, and send nothing')
    .action(async (options: Asked & Kept & { dryRun?: boolean }, command: Command) => {
      const body = bodyOf(options);
      if (options.dryRun) return show(isJson(command), body, () => talk(`Dry run: nothing was changed. It would be sent: ${JSON.stringify(body)}`));
      const one = await ask<Summary>(readApplication(options.file), 'PATCH', '', body);
      show(isJson(command), one, () => summarize(one));
    });
  withFile(apply.command('prove').description('prove that you have your keys: asks for a challenge and answers it; the keys stay here'))
    .requiredOption('--key <file>', 'the private key as a JWK, or several as a JWK Set')
    .action(async (options: Kept & { key: string }, command: Command) => {
      const own = readApplication(options.file);
      const { challenge_id, ...challenge } = await ask<Challenge & { challenge_id: string }>(own, 'POST', '/challenges');
      const proofs = await proofsWith(options.key, challenge, Math.floor(Date.now() / 1000));
      const proven = await ask<{ keys: readonly { kid: string; thumbprint: string }[] }>(own, 'POST', '/proofs', { challenge_id, proofs });
      show(isJson(command), proven, () => {
        for (const { kid, thumbprint } of proven.keys) out(`${clean(kid)}  ${thumbprint}  ${green('proven')}`);
      });
    });
  withFile(apply.command('preflight').description('have what you publish checked by the rules of the authority; changes nothing')).action(
    async ({ file }: Kept, command: Command) => {
      const report = await ask<{ ok: boolean; entity_id: string; findings: readonly Finding[] }>(readApplication(file), 'POST', '/preflight');
      show(isJson(command), report, () => {
        out(`${clean(report.entity_id)}  ${report.ok ? green('ok') : red('findings')}`);
        if (report.findings.length) out(showFindings(report.findings));
      });
      if (!report.ok) process.exitCode = 4;
    },
  );
  withFile(apply.command('withdraw').description('take your application back; you may apply again'))
    .option('--dry-run', 'show which it is, and leave it')
    .action(async ({ file, dryRun }: Kept & { dryRun?: boolean }, command: Command) => {
      const own = readApplication(file);
      const one = dryRun ? await ask<Own>(own, 'GET') : await ask<Summary>(own, 'POST', '/withdraw');
      show(isJson(command), one, () => {
        summarize(one);
        if (dryRun) talk('Dry run: nothing was changed. It would be withdrawn.');
      });
    });
}
