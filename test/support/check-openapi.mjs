// The contract of the admin API by a linter, as it is served: made by the built program, without a server. Then the same
// document with faults planted: a rule that does not fire there is no rule.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

await import('./prepare.mjs');
const { createAdminApp } = await import('../../dist/admin/app.js');

const app = createAdminApp(() => {
  throw new Error('the contract needs no deployment');
});
const served = await (await app.request('/admin/v1/openapi.json')).text();
const contract = JSON.parse(served);
const operations = Object.values(contract.paths).flatMap((methods) => Object.values(methods));
if (operations.length < 80) throw new Error(`only ${operations.length} operations were seen: the check looks at nothing`);

/** Rule, and what breaks it. */
const PLANTED = {
  'operation-tag-defined': ({ first }) => (first.tags = ['Nowhere']),
  'operation-operationId-unique': ({ first, second }) => (second.operationId = first.operationId),
  'no-invalid-media-type-examples': ({ body }) => (body.example = { no_such_member: 1 }),
  'no-unresolved-refs': ({ body }) => (body.schema = { allOf: [body.schema, { $ref: '#/components/schemas/Nothing' }] }),
  'parameter-description': ({ parameter }) => delete parameter.description,
};
function plant(document) {
  const [first, second] = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const body = document.paths['/admin/v1/authorities/{slug}/policies/preview'].post.requestBody.content['application/json'];
  const parameter = document.paths['/admin/v1/authorities/{slug}'].get.parameters.find((one) => one.in === 'path');
  for (const fault of Object.values(PLANTED)) fault({ first, second, body, parameter });
  return document;
}

const linter = join(dirname(createRequire(import.meta.url).resolve('@redocly/cli/package.json')), 'bin/cli.js');
const config = join(dirname(fileURLToPath(import.meta.url)), 'openapi-lint.yaml');
const folder = mkdtempSync(join(tmpdir(), 'holdfast-openapi-'));

/** @returns rule, place and words of each problem */
function lint(name, document) {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(document));
  const args = [linter, 'lint', file, '--config', config, '--format', 'json', '--max-problems', '1000'];
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  let said;
  try {
    said = execFileSync(process.execPath, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 });
  } catch (error) {
    said = error.stdout;
  }
  return JSON.parse(said).problems.map(({ ruleId, message, location }) => ({ rule: ruleId, said: `${location[0]?.pointer}: ${ruleId} ${message}` }));
}

try {
  const found = lint('contract.json', contract);
  for (const { said } of found) console.error(said);
  const fired = new Set(lint('canary.json', plant(JSON.parse(served))).map(({ rule }) => rule));
  const silent = Object.keys(PLANTED).filter((rule) => !fired.has(rule));
  for (const rule of silent) console.error(`${rule} did not fire on its planted violation`);
  console.log(
    `openapi: ${operations.length} operations, ${found.length} violations; ${Object.keys(PLANTED).length - silent.length} of ${Object.keys(PLANTED).length} planted ones found`,
  );
  process.exitCode = found.length || silent.length ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
