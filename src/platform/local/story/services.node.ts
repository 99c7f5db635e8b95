import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from './child.node.js';
import { main, type Registries, SCOPES } from './enrolling.node.js';
import type { Narrator } from './narrator.js';
import type { Holdfast, Place, Stage } from './stage.node.js';

/** How old "in force" may be at the services that ask the registry, and how long the one that asks nobody keeps a document (seconds). */
export interface Freshness {
  /** `strict`, or seconds. */
  readonly federation: string;
  readonly resource: string;
  readonly document: number;
}

/** What the consortium says of services that it has looked at. */
export const VETTED_SERVICE = 'https://consortium.example/marks/vetted-service';

export interface Service {
  readonly url: string;
  readonly child: Child;
}

export interface Services {
  readonly stock: Service;
  readonly federation: Service;
  readonly mcp: Service;
  /** Whom tokens are for. */
  readonly resource: string;
  /** Our id of the MCP server at the anchor. */
  readonly mcpMember: string;
  /** The file of the anchor's keys, as everybody was given it out of band. */
  readonly anchorKeys: string;
}

interface Enrolling {
  readonly types: readonly string[];
  readonly scopes?: readonly string[];
}

/** Enrolled as an operator enrols whoever it knows: pre-flight, keys bound, statement signed, in one call. */
async function enrol({ admin }: Holdfast, entityId: string, organization: string, { types, scopes = [] }: Enrolling): Promise<string> {
  const { id } = await admin.send<{ id: string }>('POST', main('members'), {
    entity_id: entityId,
    organization,
    entity_types: types,
    activate: true,
    ...(scopes.length > 0 && { entitlements: [...scopes.map((value) => ({ kind: 'scope', value })), { kind: 'grant_type', value: 'client_credentials' }] }),
  });
  return id;
}

/** Two authorization servers and an MCP server, of three organizations. None of them is told of any agent. */
export async function startServices(tell: Narrator, stage: Stage, { anchor, operator }: Registries, fresh: Freshness): Promise<Services> {
  const places: Place[] = [];
  for (let n = 0; n < 3; n++) places.push(await stage.place());
  const [stockAt, federationAt, mcpAt] = places as [Place, Place, Place];
  const resource = `${mcpAt.url}/mcp`;
  const anchorKeys = join(stage.folder, 'anchor-keys.json');
  writeFileSync(anchorKeys, JSON.stringify(await anchor.keys()));
  const federated = { ANCHOR: anchor.url, ANCHOR_KEYS: anchorKeys };
  const documents = [`${operator.url}/acme/clients/`, `${anchor.url}/clients/`];

  const mcpSettings = {
    ...federated,
    AUTHORITY: anchor.url,
    AUTHORIZATION_SERVERS: `${stockAt.url} ${federationAt.url}`,
    FRESH: fresh.resource,
    TRUST_MARKS: VETTED_SERVICE,
    KEY: join(stage.folder, 'mcp-server.json'),
  };
  const startMcp = (more: NodeJS.ProcessEnv = {}): Promise<Child> => stage.party('MCP server', 'mcp-server', { ...mcpSettings, ...more }, mcpAt);

  return tell.step('Three services of three other organizations start', async (say) => {
    const [stock, federation, first] = await Promise.all([
      stage.party(
        'stock authorization server',
        'stock-server',
        { DOCUMENTS: documents.join(' '), RESOURCE: resource, SCOPE: SCOPES.join(' '), CACHE: String(fresh.document) },
        stockAt,
      ),
      stage.party(
        'federation authorization server',
        'federation-server',
        {
          ...federated,
          AUTHORITY: operator.url,
          RESOURCE: resource,
          SCOPES: SCOPES.join(' '),
          FRESH: fresh.federation,
          KEY: join(stage.folder, 'federation-server.json'),
        },
        federationAt,
      ),
      startMcp(),
    ]);
    say.got(`stock       ${stockAt.url}`);
    say.note(`oidc-provider as it is published; it takes documents of ${documents.join(' and ')}`);
    say.note(`it keeps a document for ${fresh.document} s here, 60 s where it is told nothing`);
    say.got(`federation  ${federationAt.url}`);
    say.note(`oidc-provider with holdfast/rp; it knows ${anchor.url} and its keys`);
    say.got(`MCP server  ${resource}`);
    await enrol(operator, federationAt.url, 'Gate Inc', { types: ['oauth_authorization_server'] });
    const mcpMember = await enrol(anchor, mcpAt.url, 'Ledger Ltd', { types: ['oauth_resource', 'oauth_client'], scopes: ['introspect'] });
    say.checked('pre-flight of what the last two publish; the operator enrols the one, the anchor the other');
    await anchor.admin.send('POST', main('mark-types'), { trust_mark_type: VETTED_SERVICE });
    await anchor.admin.send('PUT', main('mark-types', VETTED_SERVICE, 'recognition'), { issuers: [anchor.url] });
    await anchor.admin.send('POST', main('marks'), { trust_mark_type: VETTED_SERVICE, member: mcpAt.url });
    say.got(`a trust mark for the MCP server: ${VETTED_SERVICE}`);
    await anchor.admin.send('POST', main('entities', mcpAt.url, 'evaluate'), {});
    // It asks both servers about tokens: at the one that knows no federations by its own document.
    const { client_id } = await anchor.admin.get<{ client_id: string }>(main('members', mcpMember, 'client-metadata-document'));
    await first.stop();
    const mcp = await startMcp({ CLIENT_ID: client_id });
    say.note('it asks both servers about tokens, at the stock one as');
    say.more(client_id);
    return {
      stock: { url: stockAt.url, child: stock },
      federation: { url: federationAt.url, child: federation },
      mcp: { url: mcpAt.url, child: mcp },
      resource,
      mcpMember,
      anchorKeys,
    };
  });
}
