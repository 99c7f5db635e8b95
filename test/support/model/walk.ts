import { backgroundTurn } from '../../../src/operations/background.js';
import { discoveryTurn } from '../../../src/operations/discovery.js';
import type { Answer } from '../deployment.js';
import { type Checks, newChecks, checkPublic } from './check.js';
import { type Copy, copyOf, restoreCopy } from './copies.js';
import { type Expected, factsOf, nothing } from './expected.js';
import { observe } from './observed.js';
import { Killed, type Process } from './process.js';
import { type Random, random as randomOf } from './random.js';
import { reconcile } from './reconcile.js';
import { setUp } from './set-up.js';
import { type Choosing, isOk, type Step, type Verb } from './step.js';
import { AUTHORITY_VERBS } from './verbs-authorities.js';
import { MARK_VERBS } from './verbs-marks.js';
import { MEMBER_VERBS } from './verbs-members.js';
import { buildWorld, type World } from './world.js';

const HOUR = 3600;
const DAY = 24 * HOUR;
const VERBS = [...MEMBER_VERBS, ...AUTHORITY_VERBS, ...MARK_VERBS];
/** Each verb as often as it weighs. */
const HAT: readonly Verb[] = VERBS.flatMap(([weight, verb]) => Array.from({ length: weight }, () => verb));

/** Refusals that the admin API documents, and the troubles of its store. */
const DOCUMENTED = [400, 401, 403, 404, 409, 412, 422, 503, 507];
const CODES =
  /^(invalid_request|unauthenticated|permission_denied|not_found|already_exists|wrong_state|version_conflict|findings|key_not_ready|last_owner|temporarily_unavailable|not_confirmed|storage_\w+)$/;

export class Fault extends Error {}

export class Walk {
  e: Expected = nothing();
  readonly trace: string[] = [];
  readonly checks: Checks = newChecks();
  readonly tokens = new Map<string, { token: string; revoked: boolean }>();
  /** The highest time there was. */
  latest = 0;
  private kept: { readonly copy: Copy; readonly e: Expected; readonly at: number } | undefined;
  private constructor(
    readonly world: World,
    readonly random: Random,
    readonly steps: number,
  ) {}

  static async begin(seed: number, steps: number): Promise<Walk> {
    const walk = new Walk(await buildWorld(), randomOf(seed), steps);
    walk.e = await setUp(walk.world);
    return walk;
  }

  fault(what: string): never {
    throw new Fault(what);
  }

  /** One step, then a look at everything. */
  async step(n: number): Promise<void> {
    const { random } = this;
    const at = random.next();
    if (at < 0.62) await this.verb(n);
    else if (at < 0.7) await this.race(n);
    else if (at < 0.76) await this.killed(n);
    else if (at < 0.82) this.time();
    else if (at < 0.85) this.custody();
    else if (at < 0.87) await this.copies();
    else if (at < 0.89) await this.apiKey();
    else if (at < 0.97) await this.turn(random.pick(this.world.processes), random.chance(0.5));
    else await this.settle();
    this.latest = Math.max(this.latest, this.world.now());
    await checkPublic(this, random.pick(this.world.processes), false);
  }

  private async choosing(n: number, process: Process): Promise<Choosing> {
    return {
      world: this.world,
      e: this.e,
      random: this.random,
      clock: await this.trusts(process),
      progress: n / this.steps,
      tokens: this.tokens,
    };
  }

  private async trusts(process: Process): Promise<boolean> {
    return (await process.admin('GET', '/clock')).json.trusted === true;
  }

  private async chosen(n: number, process: Process): Promise<Step | undefined> {
    const verb = this.random.pick(HAT);
    return verb(await this.choosing(n, process));
  }

  /** What an answer has to be, whatever was asked. */
  private sound(step: Step, answer: Answer): void {
    if (isOk(answer)) return;
    if (!DOCUMENTED.includes(answer.status) || !CODES.test(String(answer.json?.code))) this.fault(`${step.says}: answered ${answer.status} ${answer.text}`);
  }

  private async verb(n: number): Promise<void> {
    const process = this.random.pick(this.world.processes);
    const step = await this.chosen(n, process);
    if (!step) return;
    const answer = await step.act(process);
    this.trace.push(`${process.name}: ${step.says}: ${answer.status}${isOk(answer) ? '' : ` ${answer.json?.code} ${answer.json?.detail}`}`);
    this.sound(step, answer);
    if (step.may === 'yes' && !isOk(answer)) this.fault('it has to succeed and was refused');
    if (step.may === 'no' && isOk(answer)) this.fault('it has to be refused and succeeded');
    const after = structuredClone(this.e);
    if (isOk(answer)) step.apply(after, answer, this.world.now());
    await this.look([after], step.creates ?? [], false);
  }

  /** Two at once on two processes: what is so afterwards is so after one order of them. */
  private async race(n: number): Promise<void> {
    const [one, other] = this.world.processes;
    const steps = [await this.chosen(n, one), await this.chosen(n, other)].filter((step) => step !== undefined);
    const answers = await Promise.all(steps.map((step, at) => step.act(at === 0 ? one : other)));
    this.trace.push(`at once: ${steps.map((step, at) => `${step.says}: ${answers[at]?.status}`).join(' | ')}`);
    for (const [at, step] of steps.entries()) this.sound(step, answers[at] as Answer);
    const done = steps.map((step, at) => [step, answers[at] as Answer] as const).filter(([, answer]) => isOk(answer));
    const orders = done.length === 2 ? [done, [...done].reverse()] : [done];
    const candidates = orders.map((order) => {
      const after = structuredClone(this.e);
      for (const [step, answer] of order) step.apply(after, answer, this.world.now());
      return after;
    });
    await this.look(
      candidates,
      steps.flatMap(({ creates = [] }) => creates),
      false,
    );
  }

  /** A process ends while it is at it, before or after the commit: nobody hears the answer. */
  private async killed(n: number): Promise<void> {
    const process = this.random.pick(this.world.processes);
    const step = this.random.chance(0.75) ? await this.chosen(n, process) : undefined;
    const [left, how] = [1 + this.random.int(4), this.random.pick(['before', 'after'] as const)];
    process.arm(left, how);
    let answer: Answer | undefined;
    if (step) answer = await step.act(process);
    else
      await backgroundTurn(process.deployment, { more: () => true }).catch((error: unknown) => {
        if (!process.ended()) this.troubled(error);
      });
    const ended = process.ended();
    this.trace.push(`${process.name} ${ended ? `ends at write ${left}, ${how} its commit` : 'lives on'}: ${step?.says ?? 'background turn'}`);
    if (ended) process.restart();
    const after = structuredClone(this.e);
    if (step && (ended || isOk(answer))) step.apply(after, answer, this.world.now());
    await this.look(ended ? [this.e, after] : [after], step?.creates ?? [], !step);
  }

  private time(): void {
    const { world, random } = this;
    const at = random.next();
    if (world.off() !== 0 && at < 0.5) {
      world.jump(-world.off());
      this.trace.push('the clock is set right');
    } else if (at < 0.35) {
      const by = random.pick([-40 * DAY, -2 * DAY, -HOUR, -29, 29, HOUR, 2 * DAY, 40 * DAY]);
      world.jump(by);
      this.trace.push(`the clock jumps by ${by} s`);
    } else {
      const seconds = random.pick([30, 300, HOUR, 5 * HOUR, 13 * HOUR, 25 * HOUR, 6 * DAY]);
      world.pass(seconds);
      this.trace.push(`${seconds} s pass`);
    }
  }

  private custody(): void {
    const { custody } = this.world;
    custody.away = !custody.away;
    this.trace.push(`key custody is ${custody.away ? 'away' : 'back'}`);
  }

  /** An old copy of the database comes in its place. */
  private async copies(): Promise<void> {
    const { world, random } = this;
    if (this.e.unconfirmed && random.chance(0.7)) return this.confirmRestore();
    if (this.kept && !this.e.unconfirmed && random.chance(0.4)) {
      await restoreCopy(world.store, this.kept.copy, world.now());
      this.e = { ...structuredClone(this.kept.e), unconfirmed: true };
      for (const process of world.processes) process.restart();
      this.trace.push(`the copy of ${world.now() - this.kept.at} s ago is restored`);
      this.kept = undefined;
      return;
    }
    if (this.e.unconfirmed) return;
    this.kept = { copy: await copyOf(world.store), e: structuredClone(this.e), at: world.now() };
    this.trace.push('a copy is kept');
  }

  private async confirmRestore(): Promise<void> {
    const answer = await this.world.processes[0].admin('POST', '/restore/confirm', { yes: true });
    this.trace.push(`the restore is confirmed: ${answer.status}`);
    if (answer.status === 503 && !(await this.trusts(this.world.processes[0]))) return;
    if (!isOk(answer)) this.fault(`the restore cannot be confirmed: ${answer.text}`);
    this.e.unconfirmed = false;
    // With a clock that went back nobody knows until when the lost part has signed.
    if (this.world.now() < this.latest) this.checks.seen.clear();
  }

  /** A key that was ended opens nothing, whichever process is asked. */
  private async apiKey(): Promise<void> {
    const [process] = this.world.processes;
    const [first] = this.tokens;
    if (!first) {
      const made = await process.admin('POST', '/api-keys', { name: 'model', role: 'operator' });
      if (isOk(made)) this.tokens.set(made.json.id, { token: made.json.token, revoked: false });
      this.trace.push(`an API key is made: ${made.status}`);
      return;
    }
    const [id, key] = first;
    const answer = await process.admin('POST', `/api-keys/${id}/revoke`);
    this.trace.push(`the API key is ended: ${answer.status}`);
    if (!isOk(answer)) {
      // It was made after the copy that was restored.
      if (answer.status !== 404) this.fault(`an API key cannot be ended: ${answer.text}`);
    }
    this.tokens.delete(id);
    for (const one of this.world.processes) {
      const asked = await one.admin('GET', '/whoami', undefined, key.token);
      if (asked.status !== 401) this.fault(`an API key that was ended is answered ${asked.status}`);
    }
  }

  private async turn(process: Process, discovery: boolean): Promise<void> {
    const deployment = process.deployment;
    const act = discovery ? discoveryTurn(deployment, { more: () => true }) : backgroundTurn(deployment, { more: () => true });
    const error = await act.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    this.trace.push(`${process.name}: ${discovery ? 'discovery' : 'background'} turn${error === undefined ? '' : `: ${error}`}`);
    if (error !== undefined) this.troubled(error);
    await this.look([this.e], [], true);
    const { partner } = this.world;
    if (!discovery || !partner) return;
    for (const leaf of this.world.leafs.keys())
      if (this.random.chance(0.3)) await partner.admin('POST', `/authorities/partner/entities/${encodeURIComponent(leaf)}/evaluate`);
  }

  /** A turn fails only while something is in its way, and says what. */
  private troubled(error: unknown): void {
    const text = String(error instanceof Error ? `${error.message} ${error.cause ?? ''}` : error);
    if (error instanceof Killed) return;
    if (/clock is not trusted|socket hang up|no active key|cannot be restored now|halted; nothing is signed/.test(text)) return;
    this.fault(`a turn failed: ${error instanceof Error ? error.stack : text}`);
  }

  /** Compare what the admin API says with what the model says may be. */
  private async look(candidates: readonly Expected[], creates: readonly string[], turned: boolean): Promise<void> {
    const seen = await observe(this.world);
    const found = reconcile(candidates, seen, { creates, turned, now: this.world.now() });
    if (typeof found === 'string') this.fault(found);
    this.e = found;
    this.checks.signedUntil(this, seen);
  }

  /** Everything that was in the way is away, and the work is done: what is in force is served. */
  async settle(): Promise<void> {
    const { world } = this;
    world.custody.away = false;
    for (const process of world.partner ? [...world.processes, world.partner] : world.processes)
      if (!(await this.trusts(process))) {
        const answer = await process.admin('POST', '/clock/confirm', { reason: 'model' });
        if (!isOk(answer) || answer.json.trusted !== true) this.fault(`the clock cannot be confirmed: ${answer.text}`);
      }
    if (this.e.unconfirmed) await this.confirmRestore();
    // The other one begins anew with what was confirmed.
    for (let round = 0; round < 5; round++) {
      for (const process of world.processes) {
        if (!(await this.trusts(process))) process.restart();
        await backgroundTurn(process.deployment, { more: () => true }).catch((error: unknown) => {
          // What was due for longer than a lease is tried again.
          if (round > 2) this.fault(`nothing is in the way, and a turn fails: ${error instanceof Error ? error.stack : error}`);
        });
        if (round > 0) await discoveryTurn(process.deployment, { more: () => true }).catch((error: unknown) => this.fault(`a discovery turn fails: ${error}`));
      }
      world.pass(121);
    }
    this.trace.push('settled');
    await this.look([this.e], ['key main', 'key inter'], true);
    for (const process of world.processes) await checkPublic(this, process, true);
  }

  facts(): string {
    return [...factsOf(this.e)].map(([name, value]) => `${name}: ${value}`).join('\n');
  }
}
