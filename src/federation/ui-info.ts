import { type EntityIdOptions, isLoopbackHost } from './entity-id.js';
import type { Metadata } from './metadata.js';
import { readUrl } from './read-url.js';
import { isObject } from './strict-json.js';

/**
 * What a person is shown of an entity, by Entity Type (UI Infos of OpenID Federation Entity Collection Endpoint 1.0 draft 00,
 * the editor's text of 2025-12-18): informational metadata of OpenID Federation 1.0 §5.2.2, in all languages declared. Whatever
 * is here was written by the entity itself, and is put on other people's pages.
 */
export type UiInfos = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

/** Characters of each text; what is longer is cut. `contacts` are left out: a list of addresses for anyone to write to helps nobody choose. */
const TEXTS = { display_name: 200, organization_name: 200, description: 1000 } as const;
const URLS = ['logo_uri', 'policy_uri', 'information_uri', 'organization_uri'] as const;
export const UI_CLAIMS = [
  'display_name',
  'description',
  'keywords',
  'logo_uri',
  'policy_uri',
  'information_uri',
  'organization_name',
  'organization_uri',
] as const;
export type UiClaim = (typeof UI_CLAIMS)[number];

/** Where an Entity Type has a name of its own for it, and no `display_name` is given. */
const NAMES: Readonly<Record<string, string>> = { openid_relying_party: 'client_name', oauth_client: 'client_name', oauth_resource: 'resource_name' };

const MAX_URL = 2048;
const MAX_KEYWORDS = 20;
const MAX_KEYWORD = 50;
/** Texts in other languages, of each claim. */
const MAX_LANGUAGES = 20;
const MAX_TYPES = 20;
const MAX_TYPE = 200;
/** Characters of JSON of one entity, in all. */
const MAX_LENGTH = 4096;
/** A BCP 47 language tag, by its letters (RFC 5646 §2.1). */
const LANGUAGE = /^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,8}$/;

/** What turns a line around, ends it or cannot be seen. The joiners stay: Persian and Indian scripts are written with them. */
const UNSEEN = /[\p{Co}\p{Cs}\p{Cn}]|(?![\u200c\u200d])\p{Cf}/gu;
const SPACES = /[\p{Cc}\p{Z}]+/gu;

/** A text as it may be shown in a line; undefined where nothing is left of it. */
function text(value: unknown, most: number): string | undefined {
  if (typeof value !== 'string') return undefined;
  // Nobody reads on after so many, and a stranger may have sent a great many.
  const clean = value
    .slice(0, 8 * most)
    .replace(UNSEEN, '')
    .replace(SPACES, ' ')
    .trim();
  const letters = [...clean];
  return clean === ''
    ? undefined
    : letters.length > most
      ? `${letters
          .slice(0, most - 1)
          .join('')
          .trimEnd()}…`
      : clean;
}

/** A URL that a page may link to or load: https, no credentials, nothing that leaves an attribute. */
function url(value: unknown, { development }: EntityIdOptions): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_URL || !/^https?:\/\/[!#-;=?-[\]_a-z~]+$/i.test(value)) return undefined;
  const read = readUrl(value);
  if (read?.username !== '' || read.password !== '') return undefined;
  return read.protocol === 'https:' || (development && isLoopbackHost(read.hostname)) ? value : undefined;
}

function keywords(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const words = value.slice(0, MAX_KEYWORDS).flatMap((one) => text(one, MAX_KEYWORD) ?? []);
  return words.length ? [...new Set(words)] : undefined;
}

function cleaned(claim: UiClaim, value: unknown, options: EntityIdOptions): string | readonly string[] | undefined {
  if (claim === 'keywords') return keywords(value);
  return (URLS as readonly string[]).includes(claim) ? url(value, options) : text(value, TEXTS[claim as keyof typeof TEXTS]);
}

/** The claim that a parameter is, and in which language. */
function claimOf(type: string, parameters: Readonly<Record<string, unknown>>, name: string): readonly [claim: UiClaim, as: string] | undefined {
  const [base = '', language, more] = name.split('#');
  if (more !== undefined || (language !== undefined && !LANGUAGE.test(language))) return undefined;
  const tag = language === undefined ? '' : `#${language}`;
  if ((UI_CLAIMS as readonly string[]).includes(base)) return [base as UiClaim, name];
  const named = base === NAMES[type] && !Object.hasOwn(parameters, `display_name${tag}`);
  return named ? ['display_name', `display_name${tag}`] : undefined;
}

/** What is shown of an entity, from its metadata: cleaned, checked and cut. What there is no room for is left out. */
export function uiInfosOf(metadata: Metadata, options: EntityIdOptions = {}): UiInfos {
  let room = MAX_LENGTH;
  const infos: [string, Record<string, string | readonly string[]>][] = [];
  for (const [type, parameters] of Object.entries(isObject(metadata) ? metadata : {}).slice(0, MAX_TYPES)) {
    if (!isObject(parameters) || type.length > MAX_TYPE || text(type, MAX_TYPE) !== type) continue;
    const counts = new Map<UiClaim, number>();
    const found: [string, string | readonly string[]][] = [];
    room -= type.length + 10;
    // What has no language first: it is what everybody can be shown.
    const names = Object.keys(parameters).sort((one, other) => Number(one.includes('#')) - Number(other.includes('#')));
    for (const name of names) {
      const [claim, as] = claimOf(type, parameters, name) ?? [];
      const value = claim && cleaned(claim, parameters[name], options);
      if (!claim || !as || value === undefined || (counts.get(claim) ?? 0) > MAX_LANGUAGES) continue;
      const length = JSON.stringify(value).length + as.length + 5;
      if (length > room) continue;
      room -= length;
      counts.set(claim, (counts.get(claim) ?? 0) + 1);
      found.push([as, value]);
    }
    if (found.length) infos.push([type, Object.fromEntries(found)]);
  }
  return Object.fromEntries(infos);
}
