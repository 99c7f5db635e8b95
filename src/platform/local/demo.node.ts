import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '../../cli/client.js';
import { entityConfigurationUrl, type Finding, type JwkSet, type Metadata, signEntityConfiguration } from '../../federation/entry.js';
import { sealedCustody } from '../../keys/custody.js';
import { byNode } from '../../keys/open-key.node.js';
import { newSealKey } from '../../keys/random.js';
import { importSealKey } from '../../keys/seal.js';
import { readConfig } from '../config.js';
import { seconds } from '../deployment.node.js';
import { freePort } from './free-port.node.js';
import { startServer } from './serve.node.js';

const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), '../../../examples');
const MARK = 'https://example.org/marks/certified';

interface Running {
  readonly id: string;
  stop(): Promise<void>;
}

/** Each run has the same ports, and so says the same, unless another program has one of them. */
const PORTS = [7110, 7120, 7130, 7140, 7150];

/** A deployment that the demo works with, reached as its operator reaches it. */
export interface DemoDeployment extends Running {
  readonly client: Client;
}

/** A whole Holdfast: its own database, key, port. */
async function authority(folder: string, name: string, ports: number[]): Promise<DemoDeployment> {
  const port = await freePort(ports);
  // Nothing is looked at before it is asked for: a configuration seen too early would be used again for a minute, and a mark
  // that the anchor has recognized since would not count.
  const config = readConfig({ HOLDFAST_PORT: String(port), HOLDFAST_DATA: join(folder, name), HOLDFAST_LOG: 'warn', HOLDFAST_DISCOVERY: 'off' });
  const serving = await startServer(config);
  return { id: config.url, client: createClient({ url: config.url, token: serving.token }), stop: () => serving.stop() };
}

interface Leaf extends Running {
  readonly kid: string;
  /** Marks it shows in its configuration. */
  readonly marks: { readonly trust_mark_type: string; readonly trust_mark: string }[];
}

/** A leaf: a few lines of HTTP that publish a configuration signed with a key of its own. */
async function leaf(superior: string, ports: number[], metadataOf: (id: string) => Metadata): Promise<Leaf> {
  const id = `http://127.0.0.1:${await freePort(ports)}`;
  const custody = sealedCustody(await importSealKey(newSealKey()), byNode);
  const key = await custody.generate('leaf', 'ES256');
  const signer = await custody.signer({ id: 'leaf', ...key });
  const marks: Leaf['marks'] = [];
  const configuration = async () => {
    const now = seconds();
    const claims = { sub: id as never, iat: now, exp: now + 3600, jwks: { keys: [key.jwk] }, metadata: metadataOf(id), authority_hints: [superior as never] };
    const signed = await signEntityConfiguration({ ...claims, ...(marks.length && { trust_marks: marks }) }, { signer, development: true });
    if (!signed.ok) throw new Error(`the leaf's configuration is not valid: ${signed.findings[0]?.detail}`);
    return signed.value;
  };
  const server = createServer(async (request, response) => {
    const found = request.url === new URL(entityConfigurationUrl(id)).pathname;
    response
      .writeHead(found ? 200 : 404, { 'content-type': found ? 'application/entity-statement+jwt' : 'text/plain' })
      .end(found ? await configuration() : 'not here');
  });
  await new Promise<void>((done) => server.listen(Number(new URL(id).port), '127.0.0.1', done));
  return {
    id,
    kid: key.jwk.kid ?? '',
    marks,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** What is another one in each run, as what it is: keys by whose they are, times by how far they are. */
function plain(text: string, names: ReadonlyMap<string, string>, now: number): string {
  const far = (time: string) => {
    const hours = (Date.parse(time) / 1000 - now) / 3600;
    return hours > 36 ? `${Math.round(hours / 24)} d` : `${Math.round(hours)} h`;
  };
  const known = [...names].reduce((all, [kid, name]) => all.replaceAll(kid, name).replaceAll(`key ${kid.slice(0, 8)}…`, name), text);
  return known.replace(
    /(expires|until) (\d{4}-\d\d-\d\dT[\d:.]+Z)/g,
    (_, word: string, time: string) => `${word === 'until' ? 'for' : 'expires in'} ${far(time)}`,
  );
}

/** Run a verifier, which shares none of our code, as a process of its own. */
function verify(script: string, ...args: readonly string[]): Promise<{ readonly accepted: boolean; readonly said: string }> {
  return new Promise((resolve) => {
    let said = '';
    const child = spawn(process.execPath, [join(EXAMPLES, script), ...args]);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.on('close', (code) => resolve({ accepted: code === 0, said: said.trimEnd() }));
  });
}

/** The keys of a running Holdfast, as somebody else would have got them out of band. */
async function keysOf({ client }: { readonly client: Client }): Promise<JwkSet> {
  const { items } = await client.get<{ items: { state: string; jwk: JwkSet['keys'][number] }[] }>('/authorities/main/keys');
  return { keys: items.filter(({ state }) => state === 'active').map(({ jwk }) => jwk) };
}

interface Explained {
  readonly under: readonly { readonly trust_anchor: string; readonly state: string; readonly error?: string; readonly findings?: readonly Finding[] }[];
}

const POLICY = {
  metadata_policy: {
    oauth_client: { token_endpoint_auth_method: { one_of: ['private_key_jwt', 'tls_client_auth'], essential: true } },
    openid_relying_party: { grant_types: { subset_of: ['authorization_code', 'refresh_token'], default: ['authorization_code'] } },
  },
  constraints: { max_path_length: 1 },
};

/**
 * A small federation on loopback: built, verified by a stranger's script, cut.
 * @param deploy gives the demo its two deployments, the anchor's first; each stands empty. It stops them.
 * @returns the exit code
 */
export async function demo(print: (text: string) => void, deploy: typeof authority = authority): Promise<number> {
  const ports = [...PORTS];
  const names = new Map<string, string>();
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
  const running: Running[] = [];
  let step = 0;
  const say = (text: string) => print(`\n${++step}. ${text}`);
  const indent = (text: string) => print(plain(text, names, seconds()).replace(/^/gm, '   '));
  try {
    const anchor = await deploy(folder, 'anchor', ports);
    running.push(anchor);
    const intermediate = await deploy(folder, 'intermediate', ports);
    running.push(intermediate);
    await intermediate.client.send('PATCH', '/authorities/main', {
      authority_hints: [anchor.id],
      metadata: { federation_entity: { organization_name: 'Intermediate' } },
    });
    const provider = await leaf(intermediate.id, ports, (id) => ({ openid_provider: { issuer: id } }));
    const party = await leaf(intermediate.id, ports, (id) => ({
      openid_relying_party: { redirect_uris: [`${id}/cb`], client_registration_types: ['automatic'] },
    }));
    running.push(provider, party);
    const [anchorKeys, intermediateKeys] = [await keysOf(anchor), await keysOf(intermediate)];
    for (const [{ keys }, whose] of [
      [anchorKeys, 'the anchor’s key'],
      [intermediateKeys, 'the intermediate’s key'],
    ] as const)
      for (const { kid } of keys) if (kid !== undefined) names.set(kid, whose);
    names.set(provider.kid, 'the provider’s key').set(party.kid, 'the party’s key');
    say('Four entities answer on loopback, each with its own keys');
    indent(`trust anchor   ${anchor.id}\nintermediate   ${intermediate.id}\nprovider       ${provider.id}\nrelying party  ${party.id}`);

    const draft = await anchor.client.send<{ version: number }>('POST', '/authorities/main/policies', POLICY);
    await anchor.client.send('POST', `/authorities/main/policies/${draft.version}/publish`);
    say('The anchor publishes a metadata policy, then the members are enrolled: pre-flight, keys bound, statement signed');
    for (const [client, id] of [
      [anchor.client, intermediate.id],
      [intermediate.client, provider.id],
      [intermediate.client, party.id],
    ] as const) {
      const member = await client.send<{ entity_id: string; state: string; jwks: JwkSet }>('POST', '/authorities/main/members', {
        entity_id: id,
        activate: true,
      });
      indent(`${member.entity_id} is ${member.state}, by ${member.jwks.keys[0]?.kid}`);
    }

    const [anchors, resolvers] = [join(folder, 'anchors.json'), join(folder, 'resolvers.json')];
    writeFileSync(anchors, JSON.stringify({ [anchor.id]: anchorKeys }));
    writeFileSync(resolvers, JSON.stringify({ [intermediate.id]: intermediateKeys }));
    const chainOf = (id: string) => verify('verify-chain.mjs', id, anchors);
    const resolved = (id: string) => verify('verify-resolve.mjs', intermediate.id, id, anchor.id, resolvers);
    const main = (...more: readonly string[]) => `/authorities/main/${more.map(encodeURIComponent).join('/')}`;
    const expect = (outcome: { readonly accepted: boolean; readonly said: string }, accepted: boolean) => {
      indent(outcome.said);
      if (outcome.accepted !== accepted) throw new Error(accepted ? 'it was refused' : 'it was accepted');
    };

    say('A script that knows only jose and the pinned anchor key collects the chain over the wire and verifies it');
    expect(await chainOf(party.id), true);

    say('The anchor recognizes a trust mark, the intermediate grants it, the relying party shows it');
    await anchor.client.send('PUT', main('mark-types', MARK, 'recognition'), { issuers: [intermediate.id] });
    await intermediate.client.send('POST', main('mark-types'), { trust_mark_type: MARK });
    const granted = await intermediate.client.send<{ trust_mark: string; exp: number }>('POST', main('marks'), { trust_mark_type: MARK, member: party.id });
    party.marks.push({ trust_mark_type: MARK, trust_mark: granted.trust_mark });
    indent(`${MARK} for ${party.id}, until ${new Date(granted.exp * 1000).toISOString()}`);

    say('One question instead of a walk: the resolver has evaluated the relying party under the anchor and signed the answer');
    await intermediate.client.send('POST', main('anchors'), { entity_id: anchor.id, jwks: anchorKeys });
    await intermediate.client.send('POST', main('entities', party.id, 'evaluate'));
    expect(await resolved(party.id), true);

    say('A client that does not fit the policy is refused, and told why');
    const odd = await leaf(intermediate.id, ports, () => ({ oauth_client: { client_name: 'Odd', token_endpoint_auth_method: 'client_secret_basic' } }));
    running.push(odd);
    await intermediate.client.send('POST', main('members'), { entity_id: odd.id, activate: true });
    const explained = await intermediate.client.send<Explained>('POST', main('explain'), { entity_id: odd.id, trust_anchor: anchor.id });
    for (const { trust_anchor: under, state, error, findings = [] } of explained.under) {
      indent(`under ${under}: ${state} (${error})`);
      for (const { code, where, detail, clause, fix } of findings) indent(`   ${code} at ${where}: ${detail}\n   ${clause}: ${fix}`);
      if (error !== 'invalid_metadata') throw new Error('the policy did not refuse it');
    }

    say('The relying party is suspended: no chain, no resolve answer, its mark is revoked');
    await intermediate.client.send('POST', main('members', party.id, 'suspend'), { reason: 'demonstration' });
    expect(await chainOf(party.id), false);
    expect(await resolved(party.id), false);
    const { items } = await intermediate.client.get<{ items: { id: string }[] }>(main('marks'));
    const issued = await intermediate.client.get<{ items: { jti: string; reason: string | null; revoked_at: number | null }[] }>(
      main('marks', items[0]?.id ?? '', 'issued'),
    );
    indent(`trust mark ${MARK}: ${issued.items[0]?.revoked_at === null ? 'active' : `revoked (${issued.items[0]?.reason})`}`);
    if (issued.items[0]?.revoked_at === null) throw new Error('the mark of a suspended member is still active');
    indent('the provider beside it keeps its chain:');
    expect(await chainOf(provider.id), true);
    print('\nDone.');
    return 0;
  } catch (error) {
    print(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await Promise.all(running.map((one) => one.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}
