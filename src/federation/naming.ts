/** The longest name of DNS, with a leading dot. */
const MAX_NAME_LENGTH = 254;
const NAME = /^\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

/** A naming constraint as OpenID Federation 1.0 §6.2.2 writes it: `example.com` or `.example.com`. */
export const isDomainName = (name: unknown): name is string => typeof name === 'string' && name.length <= MAX_NAME_LENGTH && NAME.test(name);

/**
 * The name that a text of a naming constraint stands for, in lower case. Drafts wrote `https://.example.com`, others write
 * `*.example.com` for `.example.com` and `example.com.` for `example.com`: each says the same set of hosts, so reading it
 * loosens nothing. Undefined when no domain name can be read.
 */
export function readDomainName(text: unknown): string | undefined {
  if (typeof text !== 'string' || text.length > 2 * MAX_NAME_LENGTH) return undefined;
  const name = text
    .replace(/^https?:\/\//i, '')
    .replace(/\/$/, '')
    .replace(/^\*\./, '.')
    .replace(/(?<=[^.])\.$/, '');
  return isDomainName(name) ? name.toLowerCase() : undefined;
}

/**
 * The first of `names` that a host matches: `.example.com` is every host below it and not itself, `example.com` that host
 * only. Looked up label by label, so that long lists cost no more than short ones.
 */
export function matchingName(host: string, names: ReadonlySet<string>): string | undefined {
  if (names.has(host)) return host;
  for (let dot = host.indexOf('.', 1); dot !== -1; dot = host.indexOf('.', dot + 1)) {
    const name = host.slice(dot);
    if (names.has(name)) return name;
  }
  return undefined;
}
