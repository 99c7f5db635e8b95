import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { freePort, MAIN, tempFolder } from '../process.js';
import { command } from './command.js';
import { differs, stepsOf } from './walked-text.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const STEP_MS = 90_000;
/** What a shell writes last, in each of its two streams: they come by other ways than the word that it has ended. */
const END = '\x04';

export interface Walk {
  /** Ports as the document has them; others are used for them. */
  readonly ports: readonly number[];
  /** Folders outside the working folder, as the document has them; others are used for them. */
  readonly folders: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The folder is that of a project that has the package installed, and not a clone of ours. */
  readonly installed?: boolean;
}

export interface Walked {
  readonly commands: number;
  /** What went otherwise than the document says. */
  readonly stumbles: readonly string[];
}

/**
 * Walk a document as its reader would: every block of shell in it, in order, in a folder of its own, with a real server. What the
 * reader calls `holdfast` answers from this process, which is as the command line is, and quicker; a server is a process.
 */
export async function walk(document: string, { ports, folders, env = {}, installed = false }: Walk): Promise<Walked> {
  const base = tempFolder();
  const folder = join(base, 'clone');
  mkdirSync(folder);
  if (installed) install(folder);
  else for (const name of ['node_modules', 'examples', 'package.json', 'dist']) symlinkSync(join(ROOT, name), join(folder, name));
  const mapped: (readonly [there: string, here: string])[] = [];
  for (const port of ports) mapped.push([String(port), String(await freePort())]);
  for (const one of folders) mapped.push([one, join(base, 'machine', one)]);
  for (const [, here] of mapped) if (here.startsWith('/')) mkdirSync(dirname(here), { recursive: true });
  const here = (text: string) => mapped.reduce((all, [from, to]) => all.replaceAll(new RegExp(`${from}(?![0-9])`, 'g'), to), text);
  const there = (text: string) => mapped.reduce((all, [to, from]) => all.replaceAll(from, to), text).replaceAll(folder, '.');

  const asked = await answering();
  const first = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, here(value)]));
  const shell = { PATH: process.env['PATH'] ?? '', HOME: base, NO_COLOR: '1', WALK: base, WALK_ASK: asked, WALK_MAIN: MAIN, HOLDFAST_LOG: 'error', ...first };
  writeFileSync(join(base, 'env'), '');
  writeFileSync(join(base, 'prelude'), here(PRELUDE));
  const groups: ChildProcess[] = [];
  onTestFinished(() => {
    for (const pid of [...groups.map((one) => one.pid), ...pidsIn(join(base, 'serve.pids'))])
      try {
        if (pid !== undefined) process.kill(-pid, 'SIGKILL');
      } catch {
        // it has ended
      }
  });

  const stumbles: string[] = [];
  const steps = stepsOf(readFileSync(join(ROOT, document), 'utf8'));
  for (const step of steps) {
    const { child, ended, said } = start(here(step.command), folder, shell);
    groups.push(child);
    // What goes on in the background has answered when it has said what it is to say.
    const fine = () => differs(step, there(said().out), there(said().err)) === undefined;
    const code = await (step.background ? until(fine) : ended);
    const fault = code === step.code ? differs(step, there(said().out), there(said().err)) : `it exits with ${code}\n${there(said().err)}${there(said().out)}`;
    if (fault !== undefined) stumbles.push(`${document}:${step.line}: ${step.command}\n${fault}`);
  }
  return { commands: steps.length, stumbles };
}

/** A project with the packages that we have, and ours. */
function install(folder: string): void {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'a-project', private: true, dependencies: { holdfast: '*' } }));
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(join(ROOT, 'node_modules'))) if (!name.startsWith('.')) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  if (!existsSync(join(modules, 'holdfast'))) symlinkSync(ROOT, join(modules, 'holdfast'));
}

function start(text: string, cwd: string, env: Record<string, string>) {
  const script = `trap 'printf "\\004"; printf "\\004" >&2' EXIT; . "$WALK/prelude"; . "$WALK/env"\n${text}\ncode=$?; export -p | grep ' HOLDFAST_' > "$WALK/env"; exit $code`;
  const child = spawn('bash', ['-c', script], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const all = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (all.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (all.err += chunk.toString()));
  const isWhole = () => all.out.includes(END) && all.err.includes(END);
  // Not `close`: what runs on in the background holds the pipes.
  const ended = new Promise<number | null>((done) => child.once('exit', (code) => void (code === null ? done(code) : until(isWhole).then(() => done(code)))));
  return { child, ended, said: () => ({ out: all.out.replace(END, ''), err: all.err.replace(END, '') }) };
}

/** @returns what a command that is done exits with; undefined when it never came to that */
async function until(holds: () => boolean): Promise<number | undefined> {
  for (const end = performance.now() + STEP_MS; performance.now() < end; await new Promise((done) => setTimeout(done, 25))) if (holds()) return 0;
  return undefined;
}

const pidsIn = (file: string): number[] => {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
};

/** Where the shell asks for a command to be carried out: folder of the answer, working folder, environment, arguments. */
async function answering(): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const [answer = '', cwd = '', ...rest] = Buffer.concat(chunks).toString().split('\0');
    const end = rest.indexOf('');
    const env = Object.fromEntries(rest.slice(0, end).map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]));
    const args = rest.slice(end + 1, -1);
    const before = process.cwd();
    process.chdir(cwd);
    const { code, stdout, stderr } = await command(args, env).finally(() => process.chdir(before));
    for (const [name, text] of Object.entries({ out: stdout, err: stderr, code: String(code) })) appendFileSync(join(answer, name), text);
    response.end();
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What stands for the programs that a reader has and the test has not. */
const PRELUDE = `
set -o pipefail
# A page for operators is about a deployment that has run for a while: its first checkpoint was signed.
_checkpointed() {
  for _ in $(seq 600); do
    (cd "$WALK/clone" && node --input-type=module -e 'import { openSqlite } from "./dist/store/sqlite.node.js"; const d = openSqlite(process.argv[1], { readonly: true }); process.exit(d.prepare("SELECT 1 FROM checkpoint").get() ? 0 : 1)' "$HOLDFAST_DATA/holdfast.db" 2> /dev/null) && return
    sleep 0.1
  done
}
holdfast() {
  if [ "$1" = serve ]; then _serve "$@"; return; fi
  if [ "$1 $2" = "backup create" ]; then _checkpointed; fi
  case " $* " in *" - "*) node "$WALK_MAIN" "$@"; return;; esac # it reads standard input
  local answer; answer=$(mktemp -d "$WALK/answer.XXXXXX")
  { printf '%s\\0' "$answer" "$PWD"; env -0 | grep -z '^HOLDFAST_'; printf '\\0'; printf '%s\\0' "$@"; } | curl -s --data-binary @- "$WALK_ASK"
  cat "$answer/err" >&2; cat "$answer/out"
  return "$(cat "$answer/code")"
}
_serve() {
  local log; log=$(mktemp "$WALK/serve.XXXXXX")
  setsid node "$WALK_MAIN" "$@" > "$log" 2>&1 < /dev/null &
  local pid=$!
  echo $pid >> "$WALK/serve.pids"
  for _ in $(seq 1800); do
    if grep -Eq 'ready after|holds no key' "$log"; then cat "$log"; return 0; fi
    if ! kill -0 $pid 2> /dev/null; then cat "$log" >&2; wait $pid; return $?; fi
    sleep 0.05
  done
  return 1
}
_stop() {
  local pid; pid=$(tail -n 1 "$WALK/serve.pids")
  kill "$pid"; for _ in $(seq 1800); do kill -0 "$pid" 2> /dev/null || return 0; sleep 0.05; done; return 1
}
npx() { [ "$1" = holdfast ] || return 99; shift; holdfast "$@"; }
npm() { case "$1 $2" in "start ") holdfast serve;; "run demo") node "$WALK_MAIN" demo;; *) return 99;; esac; }
systemctl() {
  case "$1" in
    start) ( set -a; . /etc/holdfast/env; set +a; unset HOLDFAST_ADMIN_TOKEN; _serve serve > /dev/null );;
    stop) _stop;;
    restart) _stop && systemctl start;;
  esac
}
`;
