import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createAdminApp } from '../../src/admin/app.js';
import { deaf, leaves } from '../support/node/commands.js';
import { askable, type Contract, recording } from '../support/node/recording.js';
import { tempFolder } from '../support/process.js';

const ID = 'https://rp.example.org';
const TYPE = 'https://rp.example.org/mark';
const REASON = '--reason=why';

/** The command line that asks for each thing of the admin API. `{}` and `text` are files. */
const LINES = `
authority list
authority show
authority check --profile base
authority create b --entity-id ${ID} --alg ES256 --organization-name B --hint ${ID} --configuration-lifetime 1d --statement-lifetime 1d --key-rotation 90d --metadata {} --claims {} --ec-location needed --subordinate-events on --collection on --client-auth fetch=optional
authority change b --organization-name B --hint ${ID} --configuration-lifetime 1d --statement-lifetime 1d --key-rotation off --metadata {} --claims {} --ec-location always --subordinate-events off --collection off --client-auth fetch=optional --seen 1
authority quorum b 2
authority binding b --key-proof required --second-channel always --certificate-roots none
authority admission b --require t=sponsor,k --suspend --dry-run
authority admission b
authority halt b ${REASON} --yes=c
authority halt b ${REASON} --yes=b
authority resume b ${REASON}
authority retire b ${REASON} --yes=b
key list
key generate --alg ES256 --no-stage
key import {} --alg ES256
key import text
key stage kid
key activate kid --force ${REASON}
key retire kid --force ${REASON}
key export-public
key revoke kid --reason superseded --yes=kid
member list --state active --query x --type t --organization o --bundle b --intermediate --limit 1 --cursor c
member enroll ${ID} --jwks {} --type t --intermediate --metadata {} --constraints {} --claims {} --crit c --statement-lifetime 1d --valid-until 2030-01-01 --organization o --readmit why --waive c --ec-location ${ID}/ec --domain-control why
member enroll ${ID} --pem text --vetting --scope s --bundle b --entitlements {} --vouched-issuers {}
member enroll ${ID} --entity-configuration text
member preflight ${ID} --profile base --entity-configuration text
member show ${ID}
status-list show
member statement ${ID}
member client ${ID}
member history ${ID}
member change ${ID} --metadata {} --constraints {} --claims {} --crit c --type t --organization o --intermediate --statement-lifetime 1d --valid-until 90d --ec-location ${ID}/ec --domain-control well-known --seen 1
member take ${ID} ${REASON} --seen 1
member approve ${ID} ${REASON} --seen 1
member activate ${ID} ${REASON} --seen 1
member refuse ${ID} ${REASON} --seen 1
member withdraw ${ID} ${REASON} --seen 1
member suspend ${ID} ${REASON} --public-reason=told --seen 1 --reason-code unspecified
member resume ${ID} ${REASON} --seen 1
member revoke ${ID} ${REASON} --public-reason=told --seen 1 --yes=${ID} --reason-code unspecified
member archive ${ID} ${REASON} --seen 1
member host ${ID} text --domain-control why --waive c
member host ${ID} --end
member locate ${ID} ${ID}/ec
member keys replace ${ID} --jwks {} ${REASON} --waive c --seen 1
member keys replace ${ID} --pem text ${REASON}
member challenge ${ID} --purpose rotate --jwks {}
member prove ${ID} text --challenge chl_x
member confirm-key ${ID} kid --channel telephone --with somebody
member keys adopt ${ID} --entity-configuration text
member sponsor ${ID} --name n --email e@example.org --reattest-by 90d --seen 1
member reattest ${ID} --until 90d --note n --seen 1
accreditation add k --member ${ID} --issuer i --reference r --valid-from 1d --valid-until 90d
accreditation add k --organization o --issuer i
accreditation list --member ${ID} --organization o --kind k --state pending --limit 1 --cursor c
accreditation show a
accreditation verify a --seen 1
accreditation withdraw a ${REASON} --dry-run
accreditation renew a --issuer i --reference r --valid-from 1d --valid-until 90d
evidence add text --for a --media-type t/t --name n --classification secret --retain-until 90d
evidence add --for a --uri ${ID}/e --sha256 s --media-type t/t --name n --classification secret --retain-until 90d
evidence list --for a --limit 1 --cursor c
evidence get e
evidence review e
member reindex
member watch --only held --limit 1 --cursor c
issuer list --kind id_jag --limit 10 --cursor c
issuer show i
issuer add ${ID} --kind id_jag --issuer ${ID} --jwks-uri ${ID} --email a.example --dns a.example --subdomains --tenant t --spiffe a --prefix ${ID} --seen 1
issuer change i --email a.example --jwks-uri ${ID} --reason x --seen 1
issuer end i --reason x --reason-code cessation --seen 1
entitlement list ${ID}
entitlement set ${ID} --scope s --resource ${ID} --details d --grant-type g --bundle b --seen 1 --dry-run
entitlement add ${ID} --scope s --bundle b --seen 1 --dry-run
entitlement remove ${ID} --scope s --bundle b
join-link create --uses 2 --until 9d --note n --dry-run
join-link list --limit 1 --cursor c
join-link end l ${REASON} --dry-run
application list --state applied --waiting-on reviewer --entity-id ${ID} --limit 1 --cursor c
application show a
application take a --waive w --readmit r --dry-run
application ask a text --dry-run
application refuse a ${REASON} --redress r --reason-code incomplete --dry-run
application erase a ${REASON} --dry-run
bundle list
bundle show b
bundle create b --scope s --description d
bundle change b --scope s --description d --seen 1 --dry-run
bundle end b ${REASON} --seen 1 --dry-run
bundle impact b --scope s --limit 1
bundle impact b --last --effect breaks --limit 1 --cursor c
member watch ${ID}
member hold accept ${ID} ${REASON} --hold f
member hold dismiss ${ID} ${REASON} --hold f
member import two --activate --format ndjson
member export
organization list --query x --limit 1 --cursor c
organization show o
organization create o --registration-number 1 --jurisdiction SE
organization change o --name p --registration-number 1 --jurisdiction SE
organization halt o ${REASON} --yes=p
organization halt o ${REASON} --public-reason=told --yes=o
organization resume o ${REASON}
halt key k --dry-run
halt key k --member ${ID} --here --dry-run
halt organization o --everywhere --dry-run
halt organization --registration-number 1 --jurisdiction SE --dry-run
halt mark-type ${TYPE} --dry-run
halt key k ${REASON} --reason-code compromised --yes=k
halt key k --member ${ID} --here ${REASON} --yes=k
halt member ${ID} ${REASON} --reason-code own_request --public-reason=told
halt member ${ID} ${REASON} --revoke --yes=${ID}
halt organization o --everywhere ${REASON} --reason-code legal_order --public-reason=told --yes=o
halt organization --registration-number 1 --jurisdiction SE ${REASON} --yes=1
halt mark-type ${TYPE} ${REASON} --reason-code unspecified --yes=${TYPE}
halt authority b ${REASON} --reason-code compromised --yes=b
halt receipt 3
halt receipt 3 --deployment
member barred --limit 1 --cursor c
policy list --limit 1 --cursor c
policy show 1
policy check p.json
policy preview p.json ${ID} --metadata {}
policy draft p.json
policy impact 1 --effect breaks --limit 1
policy impact 1 --cursor c
policy report 1
policy report 1 --end
policy publish 1 --accept-breaks --accept-unknown
policy rollback
mark type list
mark type create ${TYPE} --logo u --ref u --lifetime 30d --delegation text
mark type change ${TYPE} --logo u --ref u --lifetime none --delegation text --seen 1
mark type halt ${TYPE} ${REASON} --yes=${TYPE}
mark type resume ${TYPE}
mark type recognize ${TYPE} --issuer ${ID} --owner ${ID} --owner-jwks {}
mark type recognized
mark type forget ${TYPE}
mark type delegate ${TYPE} ${ID} --lifetime 365d --ref u
mark type delegations ${TYPE}
mark list --type ${TYPE} --member ${ID} --state active --limit 1 --cursor c
mark grant ${TYPE} ${ID} --member-of b --valid-until 90d --accreditation a
mark show ${TYPE} ${ID}
mark issued grant
mark withdraw grant ${REASON}
mark withdraw-instance jti ${REASON}
mark own list
mark own show text
mark own hide ${TYPE} --iss ${ID}
anchor list
anchor pin ${ID} --jwks {} --pem text --thumbprint t --note n
anchor check ${ID}
anchor unpin ${ID}
entity list --query x --type t --mark m --anchor ${ID} --state valid --source crawl --limit 1 --cursor c
entity show ${ID}
entity evaluate ${ID}
entity explain ${ID} --anchor ${ID}
entity listings --limit 1 --cursor c
graph --anchor ${ID}
tree
job list --limit 1 --cursor c
job show j
job cancel j
job refusals j --limit 1 --cursor c
job run crawl --anchor ${ID}
event list --since 7d --until 1d --actor a --subject s --type t --newest --limit 1 --after 1
event list --member ${ID}
event erase 3 ${REASON} --yes=3
event erase 3 ${REASON} --yes=3 --deployment
audit export --from 1 --to 2 --no-private -o -
audit export --deployment --from 1 --to 2 -o -
audit checkpoints --limit 1 --after 1
audit keys
audit at ${ID} 2026-01-01
audit rotate-key ${REASON}
person list
person add n --email e
person show p
person grant p approver --expires 90d
person revoke-role p g ${REASON}
person end p ${REASON} --yes=p
approval list --waiting-for-me --state open
approval show a
approval approve a --seen d --note n
approval refuse a --seen d --note n
event list --deployment --since 7d --until 1d --actor a --subject s --type t --newest --limit 1 --after 1
whoami
clock
clock confirm ${REASON}
api-key list
api-key create k --role auditor --only main --expires 90d
api-key create k --person p --token-digest hf_00000000.0123456789012345678901234567890123456789abc
api-key revoke k
restore status
restore confirm --yes --head main=1:${'0'.repeat(64)} --known-head text --accept-rollback
`
  .trim()
  .split('\n');

/** What no command asks for, and why. */
const NOT_ASKED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['cursor', 'order', 'since', 'until', 'actor', 'subject', 'type'].map((name) => [
      `getAuthorityMemberHistory ?${name}`,
      'member history begins at the beginning; event list --member selects',
    ]),
  ),
  ...Object.fromEntries(
    ['state', 'state_reason', 'removed_keys', 'hosted_configuration', 'sponsor', 'reattest_by'].map((name) => [
      `postAuthorityMembers .${name}`,
      'what an export says of a member, for the lines of an import',
    ]),
  ),
  ...Object.fromEntries(
    ['Take', 'Approve', 'Activate', 'Withdraw', 'Resume', 'Archive'].map((verb) => [
      `postAuthorityMember${verb} .as_of`,
      'asked where many are moved together: member-many.test.ts',
    ]),
  ),
  'postAuthorityEvidence .bytes': 'nobody has counted what lies with somebody else',
  'postHalts ?dry_run': 'asked with --reason, which is not what the lines below have: halt --dry-run counts what it would reach',
  ...Object.fromEntries(
    ['postAuthorityImports ?dry_run', 'postAuthorityImportFinish ?dry_run'].map((one) => [one, 'an import has a dry run of its own, for all of it']),
  ),
  'postAuthorityImports .csv_header': 'asked with a file of CSV: import.test.ts',
};

it('the command line asks for everything of the admin API: each operation, each parameter, each member of a body', async () => {
  const app = createAdminApp(() => Promise.reject(new Error('only the contract is asked for')));
  const contract = (await (await app.request('/admin/v1/openapi.json')).json()) as Contract;
  const folder = tempFolder();
  const files: Readonly<Record<string, string>> = {
    '{}': '{}',
    text: 'text',
    two: '{}\n{}\n',
    'p.json': JSON.stringify({ metadata_policy: {}, metadata_policy_crit: [], constraints: {}, note: 'n' }),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { asked, strange, written, run } = recording(contract, { getRestore: { state: 'not_confirmed' } });
  const misread: string[] = [];
  const { program } = deaf();
  const dry: string[] = [];
  for (const line of LINES) {
    const words = line.split(' ').map((word) => (Object.hasOwn(files, word) ? join(folder, word) : word));
    const { code, stderr } = await run(words);
    // A confirmation that does not fit is usage as well: it shows first what it is about.
    if (code === 2 && !stderr.includes('Confirm with')) misread.push(`${line}: ${stderr}`);
    const wrote = written.splice(0);
    const leaf = leaves(program).findLast(({ path }) => `${line} `.startsWith(`${path.join(' ')} `));
    const offers = leaf?.command.options.some(({ long }) => long === '--dry-run') === true;
    if (!offers && wrote.length) dry.push(`${line}: writes ${wrote.join(', ')} and has no --dry-run`);
    if (!offers || line.startsWith('member import ')) continue;
    // Rehearsed it asks nothing, confirms nothing and writes nothing, and says so.
    const rehearsed = await run(line.includes('--dry-run') ? words : [...words.filter((word) => !word.startsWith('--yes')), '--dry-run']);
    // The example of an answer is not all that some commands show of it.
    const thin = [stderr, rehearsed.stderr].every((said) => said.includes('the answer is not what this version expects'));
    if (written.splice(0).length) dry.push(`${line} --dry-run writes`);
    else if (!thin && !rehearsed.stderr.endsWith('Dry run: nothing was changed.\n')) dry.push(`${line} --dry-run: ${rehearsed.code} ${rehearsed.stderr}`);
  }
  expect(misread).toEqual([]);
  expect(dry).toEqual([]);
  expect(strange).toEqual([]);
  const all = askable(contract);
  expect(all.filter((one) => !asked.has(one) && !Object.hasOwn(NOT_ASKED, one))).toEqual([]);
  expect([...asked].filter((one) => !all.includes(one))).toEqual([]);
  expect(Object.keys(NOT_ASKED).filter((one) => asked.has(one) || !all.includes(one))).toEqual([]);
});

it('every command that speaks to the server stands in that table', () => {
  const elsewhere =
    /^(key prove|apply|serve|init|demo|config|fsck|backup|seal-key|store|login|logout|context|completion|doctor|preflight|inspect|resolve|openapi|event tail|audit verify|api-key recover|api-key secret)\b/;
  const names = leaves(deaf().program).map(({ path }) => path.join(' '));
  expect(names.filter((name) => !elsewhere.test(name) && !LINES.some((line) => line === name || line.startsWith(`${name} `)))).toEqual([]);
});
