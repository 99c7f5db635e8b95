import { existsSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { CliError } from './client.js';
import { EXIT } from './exit-codes.js';
import { readBinary } from './input.js';
import { timeOrDuration } from './kinds.js';
import { clean, out, pass, table, talk, when } from './output.js';
import { globals, type Page, path, queryOf, show } from './shell.js';

interface EvidenceView {
  readonly id: string;
  readonly subject: { readonly kind: string; readonly id: string };
  readonly sha256: string;
  readonly media_type: string;
  readonly bytes: number | null;
  readonly place: string;
  readonly uri: string | null;
  readonly name: string | null;
  readonly classification: string;
  readonly reviewed_by: string | null;
  readonly retain_until: number;
  readonly purged_at: number | null;
}
interface AddOptions {
  readonly for: string;
  readonly mediaType?: string;
  readonly name?: string;
  readonly classification?: string;
  readonly retainUntil?: number;
  readonly uri?: string;
  readonly sha256?: string;
}

const MAX_MIB = 25;
const root = (authority: string, ...more: string[]) => path('authorities', authority, 'evidence', ...more);

function describe(one: EvidenceView): void {
  out(`${one.id}  ${clean(one.name ?? one.media_type)}  for ${one.subject.id}`);
  out(`  SHA-256 ${one.sha256}${one.bytes === null ? '' : `, ${one.bytes} bytes`}, ${one.classification}`);
  out(
    `  ${one.place === 'uri' ? `lies at ${clean(one.uri ?? '—')}` : one.purged_at === null ? 'is kept here' : `is gone since ${when(one.purged_at)}`}, until ${when(one.retain_until)}`,
  );
  out(`  ${one.reviewed_by === null ? 'nobody has reviewed it' : `reviewed by ${one.reviewed_by}`}`);
}

/** `evidence add`, `list`, `get` and `review`. */
export function evidenceCommands(program: Command): void {
  const evidence = program.command('evidence').description('what was handed in as proof of accreditations');
  evidence
    .command('add [file]')
    .description(`hand in a file of at most ${MAX_MIB} MiB, or say where it lies: --uri with --sha256`)
    .requiredOption('--for <accreditation>', 'what it proves; while nobody has verified that')
    .option('--media-type <type>', 'what it is, such as application/pdf; it is given back as bytes whatever it is')
    .option('--name <text>', 'what people call it; left out: the name of the file')
    .option('--classification <level>', 'public, internal, confidential or secret; left out: confidential')
    .option('--retain-until <time>', 'until when it is kept: 2037-01-01, or how far away: 520w; left out: ten years', timeOrDuration)
    .option('--uri <url>', 'an https URL where it lies; it is never fetched')
    .option('--sha256 <hex>', 'of what lies there, as sha256sum prints it')
    .action(async (file: string | undefined, options: AddOptions, command: Command) => {
      const { client, json, authority } = globals(command);
      const { uri, sha256 } = options;
      if ((file === undefined) === (uri === undefined)) throw new CliError(EXIT.usage, 'give a file, or --uri with --sha256, and not both');
      const name = options.name ?? (file === undefined || file === '-' ? undefined : basename(file));
      const about = { accreditation: options.for, media_type: options.mediaType, name, classification: options.classification };
      const one =
        file === undefined
          ? await client.send<EvidenceView>('POST', root(authority), { ...about, uri, sha256: sha256 ?? '', retain_until: options.retainUntil })
          : await client.send<EvidenceView>(
              'POST',
              `${root(authority, 'uploads')}?${queryOf({ ...about, retain_until: options.retainUntil === undefined ? undefined : String(options.retainUntil) })}`,
              readBinary(file, MAX_MIB * 1024 * 1024),
            );
      show(json, one, () => describe(one));
    });
  evidence
    .command('list')
    .description('what was handed in')
    .option('--for <accreditation>', 'for that accreditation')
    .option('--limit <n>', 'rows of a page', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (options: Readonly<Record<string, string>>, command: Command) => {
      const { client, json, authority } = globals(command);
      const query = queryOf({ accreditation: options['for'], limit: options['limit'], cursor: options['cursor'] });
      const page = await client.get<Page<EvidenceView>>(`${root(authority)}?${query}`);
      show(json, page, () => {
        if (page.items.length === 0) return talk('No evidence. Hand some in: npx holdfast evidence add <file> --for <accreditation>');
        out(
          table(
            ['id', 'for', 'name', 'bytes', 'place', 'reviewed by', 'kept until'],
            page.items.map((one) => [
              one.id,
              one.subject.id,
              one.name ?? one.media_type,
              one.bytes === null ? '—' : String(one.bytes),
              one.purged_at === null ? one.place : 'gone',
              one.reviewed_by ?? '—',
              when(one.retain_until),
            ]),
          ),
        );
        return page.next_cursor ? talk(`More: --cursor ${page.next_cursor}`) : undefined;
      });
    });
  evidence
    .command('get <evidence>')
    .description('its bytes, to a file or to standard output; that you read it stands in the audit trail')
    .option('--to <file>', 'a file that is not there yet')
    .action(async (id: string, options: { readonly to?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const { to } = options;
      if (to !== undefined && existsSync(to)) throw new CliError(EXIT.usage, `${to} exists; it is not written over`);
      if (json && to === undefined) throw new CliError(EXIT.usage, 'with --json say where the bytes go: --to <file>');
      const chunks: Uint8Array[] = [];
      for await (const chunk of client.stream(root(authority, id, 'content'))) {
        if (to === undefined) pass(chunk);
        else chunks.push(chunk);
      }
      if (to === undefined) return;
      writeFileSync(to, Buffer.concat(chunks), { flag: 'wx', mode: 0o600 });
      show(json, { file: to }, () => talk(`${to} is written. Open it as what a stranger sent: nobody has looked into it`));
    });
  evidence
    .command('review <evidence>')
    .description('say that you looked at it; where the quorum is 2, not at your own')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<EvidenceView>('POST', root(authority, id, 'review'));
      show(json, one, () => describe(one));
    });
}
