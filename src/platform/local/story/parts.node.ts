import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What the parties are made of that Holdfast itself is not, as npm calls it. */
const PACKAGES = ['oidc-provider', '@modelcontextprotocol/server', '@modelcontextprotocol/client', 'openid-client'] as const;
const PARTIES = ['stock-server', 'federation-server', 'mcp-server', 'agent', 'chatbot', 'user-client'] as const;

function isInstalled(name: string, from: string): boolean {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'node_modules', name, 'package.json'))) return true;
    if (folder === dirname(folder)) return false;
  }
}

/** What is missing here for the whole story, and the command that brings it; undefined: nothing. @param examples the folder of the parties */
export function missingParts(examples: string): { readonly what: readonly string[]; readonly command: string | undefined } | undefined {
  const parties = PARTIES.filter((one) => !existsSync(join(examples, one, `${one}.mjs`)));
  if (parties.length > 0) return { what: parties.map((one) => `examples/${one}`), command: undefined };
  const packages = PACKAGES.filter((one) => !isInstalled(one, examples));
  return packages.length === 0 ? undefined : { what: packages, command: `npm install --no-save ${packages.join(' ')}` };
}
