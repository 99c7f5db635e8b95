import type { Metadata } from '../../federation/entry.js';

const ABOUT = ['organization_name', 'display_name', 'client_name', 'resource_name', 'logo_uri', 'organization_uri', 'information_uri', 'description'];
const MAX_VALUE = 500;
/** Bytes of UTF-8 that what is shown of one entity may take: names and the like together, and its Entity Types together. */
export const MAX_ABOUT_BYTES = 2048;
export const MAX_TYPES_BYTES = 2048;
/** Entity Types of a subject that people see and can search for. */
const MAX_TYPES_SHOWN = 100;

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Names and the like from a subject's metadata, for people; text only, cut short. What there is no room for is left out. */
export function aboutOf(metadata: Metadata | undefined): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  let bytes = 0;
  for (const parameters of Object.values(metadata ?? {}))
    for (const name of ABOUT) {
      const value = parameters[name];
      if (typeof value !== 'string' || found[name] !== undefined) continue;
      const shown = value.slice(0, MAX_VALUE);
      if (bytes + bytesOf(shown) > MAX_ABOUT_BYTES) continue;
      bytes += bytesOf(shown);
      found[name] = shown;
    }
  return found;
}

/** The Entity Types that are shown: as many as there is room for, in the order declared. */
export function typesOf(metadata: Metadata | undefined): readonly string[] {
  let bytes = 0;
  return Object.keys(metadata ?? {})
    .slice(0, MAX_TYPES_SHOWN)
    .filter((type) => {
      if (bytes + bytesOf(type) > MAX_TYPES_BYTES) return false;
      bytes += bytesOf(type);
      return true;
    });
}
