import { connect } from 'node:tls';
import type { Command } from 'commander';
import { z } from 'zod';
import { entityConfigurationUrl } from '../federation/entry.js';
import { type Client, CliError } from './client.js';
import { EXIT } from './exit-codes.js';
import { isUnforeseen, unforeseen } from './answers.js';
import { decode } from './inspect.js';
import { clean, dim, green, out, red, talk, when, yellow } from './output.js';
import { globals, type Page, path, show } from './shell.js';

/** One thing that was looked at. */
export interface Line {
  readonly level: 'ok' | 'warning' | 'error';
  readonly what: string;
  readonly detail: string;
  readonly fix?: string;
}

const DAY = 86_400;
const PATIENCE_MS = 5000;
const SKEW_WARNS = 5;
const SKEW_FAILS = 60;
const SOON = 14 * DAY;

const now = (): number => Math.floor(Date.now() / 1000);
const said = (error: unknown): string =>
  isUnforeseen(error)
    ? unforeseen(error)
    : error instanceof Error && error.cause instanceof Error
      ? error.cause.message
      : error instanceof Error
        ? error.message
        : String(error);
const get = (url: string): Promise<Response> => fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS), redirect: 'manual' });

/** How soon a moment is: told two weeks ahead. */
function ends(what: string, name: string, at: number, fix: string): Line {
  const left = at - now();
  return left > SOON
    ? { level: 'ok', what, detail: `${name} until ${when(at)}` }
    : { level: left < 0 ? 'error' : 'warning', what, detail: `${name} ${left < 0 ? 'ended' : 'ends'} ${when(at)}`, fix };
}

const certificateEnd = (origin: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const host = hostname.replace(/^\[|\]$/g, '');
    const socket = connect(
      { host, port: Number(port || 443), servername: /^[\d.]+$|:/.test(host) ? '' : host, rejectUnauthorized: false, timeout: PATIENCE_MS },
      () => {
        resolve(Math.floor(Date.parse(socket.getPeerCertificate().valid_to) / 1000));
        socket.destroy();
      },
    );
    socket.once('error', reject).once('timeout', () => socket.destroy(new Error('no answer')));
  });

async function certificateLine(origin: string): Promise<Line> {
  try {
    return ends('certificate', `that of ${origin} is valid`, await certificateEnd(origin), 'renew it where TLS is terminated, and have it loaded');
  } catch (error) {
    return { level: 'error', what: 'certificate', detail: `none is shown at ${origin} (${said(error)})`, fix: 'look at what terminates TLS there' };
  }
}

const readiness = z.object({ checks: z.record(z.string(), z.string()) });

async function serverLines(url: string): Promise<readonly Line[]> {
  const before = now();
  const answer = await get(`${url}/readyz`);
  const after = now();
  const read = readiness.safeParse(await answer.json().catch(() => undefined));
  const checks = read.success ? read.data.checks : {};
  const bad = Object.entries(checks).filter(([, one]) => one !== 'ok');
  const lines: Line[] = bad.map(([name, state]) => ({
    level: 'error',
    what: 'ready',
    detail: `${clean(name)}: ${clean(state)}`,
    fix: 'look at the log of the server; holdfast clock, holdfast restore status, holdfast fsck',
  }));
  if (bad.length === 0)
    lines.push(
      answer.ok && read.success
        ? { level: 'ok', what: 'ready', detail: `${url} is ready` }
        : {
            level: 'error',
            what: 'ready',
            detail: `${url}/readyz answers ${answer.status}${answer.ok ? ', but not as Holdfast does' : ''}`,
            fix: 'is this the server, or something in front of it?',
          },
    );
  const date = Math.floor(Date.parse(answer.headers.get('date') ?? '') / 1000);
  if (Number.isNaN(date))
    return [
      ...lines,
      { level: 'warning', what: 'clock', detail: 'the answer has no Date header, so the clocks cannot be compared', fix: 'let the proxy pass it' },
    ];
  return [...lines, skewLine('this machine and the server', { before, said: date, after })];
}

/** Two clocks: what the other one said between two moments of this one. */
function skewLine(who: string, { before, said: other, after }: { readonly before: number; readonly said: number; readonly after: number }): Line {
  const skew = Math.max(before - 1 - other, other - after - 1, 0);
  const level = skew > SKEW_FAILS ? 'error' : skew > SKEW_WARNS ? 'warning' : 'ok';
  return { level, what: 'clock', detail: `${who} are ${skew ? `${skew} s` : 'not'} apart`, ...(level !== 'ok' && { fix: 'set both by NTP' }) };
}

/** What the server thinks of the time by which it signs, and what this machine does: a server may trust a clock that is wrong. */
async function clockLines(client: Client): Promise<readonly Line[]> {
  const before = now();
  const { trusted, detail, now: signing } = await client.get<{ trusted: boolean; detail: string | null; now?: number }>('/clock');
  const skew = signing === undefined ? [] : [skewLine('this machine and the time by which the server signs', { before, said: signing, after: now() })];
  return [
    trusted
      ? { level: 'ok', what: 'clock', detail: 'the server trusts its clock' }
      : {
          level: 'error',
          what: 'clock',
          detail: `the server does not trust its clock: ${clean(detail ?? '')}`,
          fix: 'mend the clock, then: holdfast clock confirm --reason …',
        },
    ...skew,
  ];
}

interface Authority {
  readonly slug: string;
  readonly entity_id: string;
  readonly state: string;
  readonly key_rotation?: number | null;
}

/** Whether strangers find the configuration at its place, through whatever stands in front of the server. */
async function publicLine({ slug, entity_id: id }: Authority): Promise<Line> {
  const what = `${slug} configuration`;
  const url = entityConfigurationUrl(id);
  const fix =
    'strangers have to reach it: DNS, the proxy (it passes Host and the whole path), the firewall. From a machine inside, another DNS may be the reason';
  try {
    const answer = await get(url);
    if (!answer.ok) return { level: 'error', what, detail: `${url} answers ${answer.status}`, fix };
    const { iss, iat, exp } = decode((await answer.text()).trim()).claims;
    if (iss !== id) return { level: 'error', what, detail: `${url} serves the configuration of ${clean(iss)}`, fix };
    if (typeof exp !== 'number' || typeof iat !== 'number') return { level: 'error', what, detail: `what ${url} serves has no times`, fix };
    if (exp - now() < (exp - iat) / 10)
      return {
        level: exp < now() ? 'error' : 'warning',
        what,
        detail: `ends ${when(exp)} and is not renewed`,
        fix: 'a cache in front that keeps it too long, or renewal that stands still: see /readyz and the log',
      };
    return { level: 'ok', what, detail: `is served at ${url}, until ${when(exp)}` };
  } catch (error) {
    return { level: 'warning', what, detail: `${url} cannot be read from here (${said(error)})`, fix };
  }
}

/** Accreditations and attestations that end before long. */
async function accreditationLines(client: Client, slug: string): Promise<readonly Line[]> {
  const root = (...more: string[]) => path('authorities', slug, ...more);
  const ending = (
    await client.get<Page<{ id: string; kind: string; valid_until: number | null; expired: boolean }>>(`${root('accreditations')}?state=in_force&limit=1000`)
  ).items
    .filter(({ valid_until: until, expired }) => until !== null && !expired && until - now() < 60 * DAY)
    .map(({ id, kind, valid_until: until }) =>
      ends(`${slug} accreditation`, `${clean(kind)} (${id})`, until as number, `holdfast --authority ${slug} accreditation renew ${id}, and have it verified`),
    );
  const found = (await client.get<Page<{ entity_id: string; findings?: readonly { code: string }[] }>>(`${root('watch')}?only=findings&limit=1000`)).items;
  const due = found.filter(({ findings = [] }) => findings.some(({ code }) => code === 'reattestation_due'));
  return [
    ...ending,
    ...(due.length
      ? [
          {
            level: 'warning' as const,
            what: `${slug} sponsors`,
            detail: `${due.length} member(s) have to be attested anew, such as ${clean(due[0]?.entity_id ?? '')}`,
            fix: `holdfast --authority ${slug} member reattest <member> --until …`,
          },
        ]
      : []),
  ];
}

async function authorityLines(client: Client, one: Authority): Promise<readonly Line[]> {
  const root = (...more: string[]) => path('authorities', one.slug, ...more);
  if (one.state !== 'active')
    return [
      {
        level: 'warning',
        what: one.slug,
        detail: `is ${one.state}`,
        ...(one.state === 'halted' && { fix: `holdfast authority resume ${one.slug} --reason …` }),
      },
    ];
  const lines: Line[] = [await publicLine(one)];
  const keys = await client.get<Page<{ kid: string; state: string; active_at: number | null }>>(root('keys'));
  const active = keys.items.find(({ state }) => state === 'active');
  if (!active)
    lines.push({ level: 'error', what: `${one.slug} key`, detail: 'none signs', fix: `holdfast --authority ${one.slug} key generate, then key activate` });
  else if (!one.key_rotation && active.active_at !== null && now() - active.active_at > 365 * DAY)
    lines.push({
      level: 'warning',
      what: `${one.slug} key`,
      detail: `signs since ${when(active.active_at)}, and none is made by itself`,
      fix: `holdfast authority change ${one.slug} --key-rotation 90d`,
    });
  else lines.push({ level: 'ok', what: `${one.slug} key`, detail: `${active.kid} signs since ${when(active.active_at)}` });
  const held = (await client.get<Page<{ entity_id: string }>>(`${root('watch')}?only=held&limit=1000`)).items;
  if (held.length)
    lines.push({
      level: 'warning',
      what: `${one.slug} held`,
      detail: `${held.length} change(s) of members wait for a person`,
      fix: `holdfast --authority ${one.slug} member watch --only held`,
    });
  lines.push(...(await accreditationLines(client, one.slug)));
  for (const mark of (await client.get<Page<{ trust_mark_type: string; exp: number | null; problem: string | null }>>(root('own-marks'))).items) {
    const name = `the mark ${clean(mark.trust_mark_type)}`;
    if (mark.problem !== null) lines.push({ level: 'warning', what: `${one.slug} mark`, detail: `${name}: ${clean(mark.problem)}`, fix: 'ask its issuer' });
    if (mark.exp !== null) lines.push(ends(`${one.slug} mark`, name, mark.exp, 'it is refreshed from its issuer; if not, ask the issuer'));
  }
  for (const type of (await client.get<Page<{ trust_mark_type: string; delegated_until: number | null }>>(root('mark-types'))).items)
    if (type.delegated_until !== null)
      lines.push(
        ends(
          `${one.slug} delegation`,
          `that of ${clean(type.trust_mark_type)}`,
          type.delegated_until,
          'ask the owner of the type for a new one: holdfast mark type change --delegation <file>',
        ),
      );
  return lines;
}

/** What fails is a line too: the others are still looked at. */
async function told(what: string, work: () => Promise<readonly Line[]>): Promise<readonly Line[]> {
  try {
    return await work();
  } catch (error) {
    return [{ level: 'error', what, detail: said(error), fix: error instanceof CliError ? 'see above' : 'is the server running, and is it the right --url?' }];
  }
}

async function examine(client: Client): Promise<readonly Line[]> {
  const server = await told('server', () => serverLines(client.url));
  const found = await told('admin API', async () => {
    const [clock, { items }] = [await clockLines(client), await client.get<Page<Authority>>('/authorities')];
    const origins = [...new Set([client.url, ...items.map((one) => new URL(one.entity_id).origin)])].filter((one) => one.startsWith('https:'));
    const each = await Promise.all(
      items.map(async (one) => authorityLines(client, { ...one, ...(await client.get<Authority>(path('authorities', one.slug))) })),
    );
    return [...clock, ...(await Promise.all(origins.map(certificateLine))), ...each.flat()];
  });
  return [...server, ...found];
}

const MARK = { ok: green('ok     '), warning: yellow('warning'), error: red('error  ') } as const;

/** @param local what can be seen on the machine of a data folder */
export function doctorCommand(program: Command, local: (data: string, now: number) => Promise<readonly Line[]>): void {
  program
    .command('doctor')
    .description('look at everything that goes wrong in time: clock, reach, certificates, keys, marks, holds, disk, files, backups; changes nothing')
    .action(async (_options: object, command: Command) => {
      const { client, json } = globals(command);
      const data = command.optsWithGlobals<{ data?: string }>().data ?? (process.env['HOLDFAST_DATA'] || './data');
      const items = [...(await examine(client)), ...(await told('data folder', () => local(data, now())))];
      const found = items.filter(({ level }) => level !== 'ok');
      show(json, { ok: found.length === 0, items }, () => {
        for (const { level, what, detail, fix } of items) {
          out(`${MARK[level]} ${what}: ${detail}`);
          if (fix) out(`        ${dim(fix)}`);
        }
        talk(found.length ? `${found.length} finding(s)` : 'nothing to do');
      });
      if (found.length) process.exitCode = EXIT.findings;
    });
}
