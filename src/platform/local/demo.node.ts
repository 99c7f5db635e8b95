import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '../../cli/client.js';
import { entityConfigurationUrl, type JwkSet, type Metadata, signEntityConfiguration } from '../../federation/entry.js';
import { sealedCustody } from '../../keys/custody.js';
import { newSealKey } from '../../keys/random.js';
import { importSealKey } from '../../keys/seal.js';
import { readConfig } from '../config.js';
import { seconds } from '../deployment.node.js';
import { startServer } from './serve.node.js';

const VERIFIER = join(dirname(fileURLToPath(import.meta.url)), '../../../examples/verify-chain.mjs');

interface Running {
  readonly id: string;
  stop(): Promise<void>;
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createSocket().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });

/** A whole Holdfast: its own database, key, port. */
async function authority(folder: string, name: string): Promise<Running & { readonly client: Client }> {
  const port = await freePort();
  const config = readConfig({ HOLDFAST_PORT: String(port), HOLDFAST_DATA: join(folder, name), HOLDFAST_LOG: 'warn' });
  const serving = await startServer(config);
  return { id: config.url, client: createClient({ url: config.url, token: serving.token }), stop: () => serving.stop() };
}

/** A leaf: a few lines of HTTP that publish a configuration signed with a key of its own. */
async function leaf(superior: string, metadataOf: (id: string) => Metadata): Promise<Running> {
  const id = `http://127.0.0.1:${await freePort()}`;
  const custody = sealedCustody(await importSealKey(newSealKey()));
  const key = await custody.generate('leaf', 'ES256');
  const now = seconds();
  const configuration = await signEntityConfiguration(
    { sub: id as never, iat: now, exp: now + 3600, jwks: { keys: [key.jwk] }, metadata: metadataOf(id), authority_hints: [superior as never] },
    { signer: await custody.signer({ id: 'leaf', ...key }), development: true },
  );
  if (!configuration.ok) throw new Error(`the leaf's configuration is not valid: ${configuration.findings[0]?.detail}`);
  const server = createServer((request, response) => {
    const found = request.url === new URL(entityConfigurationUrl(id)).pathname;
    response
      .writeHead(found ? 200 : 404, { 'content-type': found ? 'application/entity-statement+jwt' : 'text/plain' })
      .end(found ? configuration.value : 'not here');
  });
  await new Promise<void>((done) => server.listen(Number(new URL(id).port), '127.0.0.1', done));
  return {
    id,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** Run the verifier, which shares none of our code, as a process of its own. */
function verify(entityId: string, anchors: string): Promise<{ readonly accepted: boolean; readonly said: string }> {
  return new Promise((resolve) => {
    let said = '';
    const child = spawn(process.execPath, [VERIFIER, entityId, anchors]);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.on('close', (code) => resolve({ accepted: code === 0, said: said.trimEnd() }));
  });
}

const POLICY = {
  metadata_policy: { openid_relying_party: { grant_types: { subset_of: ['authorization_code', 'refresh_token'], default: ['authorization_code'] } } },
  constraints: { max_path_length: 1 },
};

/** A small federation on loopback: built, verified by a stranger's script, cut. @returns the exit code */
export async function demo(print: (text: string) => void): Promise<number> {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
  const running: Running[] = [];
  let step = 0;
  const say = (text: string) => print(`\n${++step}. ${text}`);
  const indent = (text: string) => print(text.replace(/^/gm, '   '));
  try {
    const anchor = await authority(folder, 'anchor');
    const intermediate = await authority(folder, 'intermediate');
    running.push(anchor, intermediate);
    await intermediate.client.send('PATCH', '/authorities/main', {
      authority_hints: [anchor.id],
      metadata: { federation_entity: { organization_name: 'Intermediate' } },
    });
    const provider = await leaf(intermediate.id, (id) => ({ openid_provider: { issuer: id } }));
    const party = await leaf(intermediate.id, (id) => ({ openid_relying_party: { redirect_uris: [`${id}/cb`], client_registration_types: ['automatic'] } }));
    running.push(provider, party);
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
      indent(`${member.entity_id} is ${member.state}, key ${member.jwks.keys[0]?.kid}`);
    }

    const anchors = join(folder, 'anchors.json');
    const { items } = await anchor.client.get<{ items: { state: string; jwk: object }[] }>('/authorities/main/keys');
    writeFileSync(anchors, JSON.stringify({ [anchor.id]: { keys: items.filter(({ state }) => state === 'active').map(({ jwk }) => jwk) } }));
    say('A script that knows only jose and the pinned anchor key collects the chain over the wire and verifies it');
    const before = await verify(party.id, anchors);
    indent(before.said);
    if (!before.accepted) throw new Error('the chain was refused');

    say('The relying party is suspended');
    await intermediate.client.send('POST', `/authorities/main/members/${encodeURIComponent(party.id)}/suspend`, { reason: 'demonstration' });
    const after = await verify(party.id, anchors);
    indent(after.said);
    if (after.accepted) throw new Error('the chain of a suspended member was accepted');
    const other = await verify(provider.id, anchors);
    if (!other.accepted) throw new Error('the provider lost its chain as well');
    indent('the provider beside it keeps its chain:');
    indent(other.said);
    print(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
    return 0;
  } catch (error) {
    print(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await Promise.all(running.map((one) => one.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}
