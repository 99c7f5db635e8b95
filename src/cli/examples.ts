import type { Command } from 'commander';

/** Command lines as people type them; each is shown by the help of its command. A test parses them all. */
const LINES = `
serve
serve --port 9000 --data ./federation
serve --public-only
demo
demo --short
init --entity-id https://federation.example.org --organization-name "Example Federation"
config show --sources
config check
fsck
fsck --json
authority show main
authority check main
authority create banks --entity-id https://banks.example.org --organization-name "Banks" --hint https://federation.example.org
authority change main --metadata organization.json
authority change main --statement-lifetime 6h --key-rotation 90d
authority quorum main 2
authority binding main --key-proof required --second-channel intermediates
authority binding main --certificate-roots roots.pem
authority admission main --require oauth_client=security_review,sponsor --dry-run
authority admission main --none
authority change main --collection on
authority halt main --reason "key ceremony under review"
authority resume main --reason "review closed"
authority retire banks --reason "merged into main"
member enroll https://rp.example.org
member enroll https://rp.example.org --jwks keys.json --type openid_relying_party
member enroll https://as.example.org --entity-configuration as.jwt --vetting
member preflight https://rp.example.org --profile sweden
member list --state suspended
member list --query example --wide
member show https://rp.example.org
status-list show
member statement https://rp.example.org
member client https://agent.example.org
member history https://rp.example.org
member take https://rp.example.org
member approve https://rp.example.org --reason "contract 2026-17"
member activate https://rp.example.org
member refuse https://rp.example.org --reason "no contract"
member withdraw https://rp.example.org --reason "asked by mail"
member suspend https://rp.example.org --reason "incident 4711" --public-reason "under investigation"
member resume https://rp.example.org --reason "incident closed"
member revoke https://rp.example.org --reason "left the federation" --reason-code own_request
member archive https://rp.example.org
member change https://rp.example.org --metadata metadata.json
member change https://rp.example.org --valid-until 2027-12-31 --organization "Example AB"
member host https://rp.example.org configuration.jwt
member host https://rp.example.org --end
member locate https://rp.example.org https://cdn.example.org/rp.jwt
member keys replace https://rp.example.org --jwks keys.json --reason "rotation by telephone"
member keys adopt https://rp.example.org
member challenge https://rp.example.org
member prove https://rp.example.org proof.jwt --challenge chl_4k2v
member confirm-key https://rp.example.org 9mDbYb0c --channel telephone --with "A. Example, register number on file"
member sponsor https://agent.example.org --name "A. Example" --email a@example.org --reattest-by 365d
member reattest https://agent.example.org --until 365d --note "still in use"
member watch
member watch https://rp.example.org
member hold accept https://rp.example.org --reason "confirmed by telephone"
member hold dismiss https://rp.example.org --reason "not theirs"
member import members.csv --dry-run
member reindex --dry-run
member import members.ndjson --activate
member export > members.ndjson
member barred
join-link create --note "Example AB, as agreed by telephone"
join-link end jnl_4k2v
agent-authority create https://rp.example.org --slug example-agents --max-agents 200 --scope tools:read
agent-authority list
agent-authority show example-agents
agent-authority change example-agents --max-agents 50 --max-life 7d
agent-authority retire example-agents --reason "contract ended"
agent create invoices-7 --scope tools:read --life 1d --as https://rp.example.org --at https://federation.example.org --key member.json
agent list --as https://rp.example.org --at https://federation.example.org --key member.json
agent show invoices-7 --as https://rp.example.org --at https://federation.example.org --key member.json
agent renew invoices-7 --life 1d --file invoices-7.agent.json --as https://rp.example.org --at https://federation.example.org --key member.json
agent retire invoices-7 --reason "the work is done" --as https://rp.example.org --at https://federation.example.org --key member.json
application list --waiting-on reviewer
application show app_4k2v
application take app_4k2v --dry-run
application ask app_4k2v "Which register is your number from?"
application refuse app_4k2v --reason "no contract" --redress "write to federation@example.org" --reason-code not_eligible
application erase app_4k2v --reason "asked by the person"
apply send "https://federation.example.org/join/v1/jnl_4k2v#secret" --entity-id https://rp.example.org --organization "Example AB" --jwks keys.json
apply prove --key private.jwk
apply status
apply message "The register of Stockholm"
apply change --registration-number 556000-0000
apply preflight
apply withdraw
accreditation add iso27001 --organization "Example AB" --issuer "Certifier AG" --valid-until 365d
accreditation list --member https://rp.example.org
accreditation show acc_4k2v
accreditation verify acc_4k2v
accreditation renew acc_4k2v --valid-until 365d
accreditation withdraw acc_4k2v --reason "certificate withdrawn"
evidence add certificate.pdf --for acc_4k2v --media-type application/pdf
evidence list
evidence get evd_4k2v --to certificate.pdf
evidence review evd_4k2v
issuer add https://idp.example.org --kind id_jag --email example.org
issuer list
issuer show iss_4k2v
issuer change iss_4k2v --email example.org --subdomains
issuer end iss_4k2v --reason "moved to another provider"
software-statement issue https://agent.example.org --audience https://as.example.org --scope "tools:read" --dry-run
software-statement issue https://agent.example.org --software-id agent --software-version 1.4.2 > statement.jwt
software-statement list --member https://agent.example.org
software-statement show sst_4k2v
software-statement revoke sst_4k2v --reason "wrong build"
initial-access-token issue https://agent.example.org --audience https://as.example.org --key 9mDbYb0c > token.txt
initial-access-token list
initial-access-token revoke iat_4k2v --reason "sent to the wrong people"
registration list --server https://as.example.org
organization list --query example
organization show "Example AB"
organization create "Example AB" --registration-number 556000-0000 --jurisdiction SE
organization change "Example AB" --name "Example Group AB"
organization halt "Example AB" --reason "insolvent"
organization resume "Example AB" --reason "taken over"
halt key 9mDbYb0c --dry-run
halt key 9mDbYb0c --reason "private key leaked"
halt member https://rp.example.org --reason "incident 4711"
halt organization --registration-number 556000-0000 --jurisdiction SE --reason "court order" --reason-code legal_order
halt mark-type https://example.org/marks/certified --reason "scheme suspended"
halt authority banks --reason "key ceremony failed"
halt receipt 1204
key generate
key generate --alg ES256 --no-stage
key import key.pem
key stage 9mDbYb0c
key activate 9mDbYb0c
key retire 9mDbYb0c
key revoke 9mDbYb0c --reason compromised
key prove --key private.jwk --challenge challenge.json > proof.jwt
key export-public > keys.json
policy show 3
policy check policy.json
policy preview policy.json https://rp.example.org
policy draft policy.json
policy impact 4 --effect breaks
policy report 4
policy publish 4
policy rollback
entitlement list https://agent.example.org
entitlement set https://agent.example.org --scope payments:read --dry-run
entitlement add https://agent.example.org --bundle readers
entitlement remove https://agent.example.org --scope payments:write
bundle show readers
bundle create readers --scope accounts:read --description "who may read accounts"
bundle impact readers --scope accounts:read
bundle change readers --scope accounts:read --dry-run
bundle end readers --reason "nobody has it"
mark type create https://example.org/marks/certified --lifetime 90d
mark type change https://example.org/marks/certified --lifetime 30d
mark type halt https://example.org/marks/certified --reason "scheme suspended"
mark type resume https://example.org/marks/certified
mark type recognize https://example.org/marks/certified --issuer https://issuer.example.org
mark type recognized
mark type forget https://example.org/marks/certified
mark type delegate https://example.org/marks/certified https://issuer.example.org --lifetime 365d
mark type delegations https://example.org/marks/certified
mark list --state active
mark grant https://example.org/marks/certified https://rp.example.org --valid-until 2027-12-31
mark withdraw grt_4k2v --reason "audit failed"
mark withdraw-instance 3f9a --reason "issued twice"
mark issued grt_4k2v
mark show https://example.org/marks/certified https://rp.example.org
mark own show mark.jwt
mark own hide https://example.org/marks/certified
anchor pin https://anchor.example.org --jwks anchor-keys.json
anchor check https://anchor.example.org
anchor unpin https://anchor.example.org
entity list --state invalid
entity show https://rp.example.org
entity evaluate https://rp.example.org
entity explain https://rp.example.org
entity listings
tree
graph --dot | dot -Tsvg > federation.svg
job list
job show job_4k2v
job cancel job_4k2v
job refusals job_4k2v
job run crawl
event list --newest --limit 20
event list --member https://rp.example.org --since 30d
event list --type member.suspended --since 2027-03-01 --until 2027-04-01
event list --actor night-shift --since 7d
event list --deployment --type api_key.created
event erase 1204 --reason "asked by the person"
event tail --type member.suspended --type member.revoked
event tail --last 0 --json | jq .type
audit export -o audit.jsonl
audit export --from 1 --to 5000 --no-private -o for-others.jsonl
audit verify audit.jsonl --keys audit-keys.json --checkpoint kept.jwt
audit verify --checkpoint backup.db.checkpoints
audit checkpoints --limit 5
audit at https://rp.example.org 2026-03-01T12:00:00Z
audit at https://rp.example.org 7d
audit rotate-key --reason "yearly"
api-key create deploy --role operator --only main --expires 90d
api-key create auditors --role auditor
api-key revoke api_4k2v
api-key secret
api-key recover --name "A. Example"
person add "A. Example" --email a@example.org
person show psn_4k2v
person grant psn_4k2v approver --expires 90d
person revoke-role psn_4k2v rgr_4k2v --reason "changed team"
person end psn_4k2v --reason "left"
approval list --waiting-for-me
approval show prp_4k2v
approval approve prp_4k2v --note "seen the contract"
approval refuse prp_4k2v --note "no contract"
backup create holdfast-2026-11-29.db
backup verify holdfast-2026-11-29.db
backup restore holdfast-2026-11-29.db
seal-key rotate
store copy --to postgres://holdfast@localhost/holdfast --dry-run
store copy --to postgres://holdfast@localhost/holdfast
store reopen ./data/holdfast.db
clock confirm --reason "time server was wrong, now right"
login --url https://federation.example.org
login test --url https://test.example.org --token-file key.txt
logout test
context show test
context use test
doctor
doctor --json
completion bash >> ~/.bashrc
completion zsh > ~/.zfunc/_holdfast
completion fish > ~/.config/fish/completions/holdfast.fish
restore status
restore confirm
resolve https://rp.example.org
resolve https://rp.example.org --anchors anchors.json --explain
preflight https://rp.example.org
preflight https://rp.example.org --profile sweden
inspect https://rp.example.org
inspect statement.jwt
`
  .trim()
  .split('\n');

/** The command that a line is of: the deepest one whose names begin it. */
function commandOf(program: Command, line: string): Command {
  let found = program;
  for (const word of line.split(' ')) {
    const below = found.commands.find((one) => one.name() === word);
    if (!below) return found;
    found = below;
  }
  return found;
}

/** All of them, each with its command. */
export function examplesOf(program: Command): ReadonlyMap<Command, readonly string[]> {
  const found = new Map<Command, readonly string[]>();
  for (const line of LINES) {
    const command = commandOf(program, line);
    found.set(command, [...(found.get(command) ?? []), line]);
  }
  return found;
}

/** Have the help of every command end with its examples. */
export function showExamples(program: Command): void {
  for (const [command, lines] of examplesOf(program))
    command.addHelpText('after', `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  npx holdfast ${line}`).join('\n')}`);
}
