/**
 * Performs what a firewall backend plans: gathers grants into batches, runs the commands one at
 * a time, closes what is due. The packet path never waits for it.
 *
 * Everything that touches the firewall is one queue of tasks, so no two of our commands race.
 * One timer stands at the next end of a grant; with nothing open there is none.
 *
 * @module
 */

import { type Changed, type Family, FirewallError, type FirewallBackend, type Plan, type Rule } from "../../firewall/backend.ts";
import type { Grant } from "../../firewall/grant.ts";
import { RuleLedger } from "../../firewall/rule-ledger.ts";
import { numberRules } from "../../firewall/rule-numbers.ts";
import { RuleSearch } from "../../firewall/rule-search.ts";
import { where } from "../../firewall/steps.ts";
import type { IpAddress } from "../../ip.ts";
import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import { messageOf } from "../system-error.ts";
import { type OpenResult, type Planned, planBatch, refuse, type Waiting } from "./batch.ts";
import { performPlan, type PerformOptions } from "./perform-plan.ts";

export { FirewallError } from "../../firewall/backend.ts";
export type { OpenResult } from "./batch.ts";
export type { FirewallLog } from "./perform-plan.ts";

/** How commands are run and how grants are kept. */
export interface FirewallOptions extends PerformOptions {
  readonly backend: FirewallBackend;
  /** Remove rules that are there at the start instead of adopting them (FLUSH_IPT_AT_INIT). */
  readonly clearAtStart: boolean;
  /** Leave nothing behind at the end (FLUSH_IPT_AT_EXIT). */
  readonly clearAtStop: boolean;
  /** How long a grant waits for others to share its transaction, milliseconds, 5 when absent. */
  readonly gatherMs?: number;
  /**
   * Time between two looks for rules of others with a time mark, seconds; 0 or absent for never. While something is open
   * no look is taken for its own sake: it goes with the next that is opened or closed.
   */
  readonly sweepSeconds?: number;
  /**
   * Says which of the rules whose time is over may stay a little longer, for a connection that they let in still lasts
   * (ENABLE_CONNTRACK_PERSIST). Asked again every {@link IN_USE_MS} milliseconds; never rejects.
   */
  readonly findInUse?: (due: readonly Rule[]) => Promise<readonly Rule[]>;
  /** Planned when rules were closed, for the connections that they let in (CONNTRACK_ON_EXPIRE). */
  readonly afterClosing?: (closed: readonly Rule[]) => Plan<void>;
  /** Replaces the clocks in tests. */
  readonly clock?: Clock;
}

/** Grants that may wait for the firewall; more are refused, so that a stuck one does not fill the memory. */
const MAX_WAITING = 10_000;

/** Grants of one transaction: keeps it below a second on a slow machine. */
const MAX_BATCH = 1000;

/** How long a rule stays whose connections last, before they are looked for again. */
const IN_USE_MS = 3000;

/** What a rule that ends by itself is given then; it is closed as soon as its connections have ended. */
const LENGTHENED_SECONDS = 30;

/** What iptables exits with when it did not get its lock, or may not do this. */
const LOCK_STATUS = 4;

const FAMILIES = [4, 6] as const satisfies readonly Family[];

/** The firewall with the grants that are open in it. */
export class Firewall {
  #options: FirewallOptions;
  readonly #clock: Clock;
  readonly #ledger = new RuleLedger();
  readonly #search = new RuleSearch();
  readonly #waiting: Waiting[] = [];
  #gathering: NodeJS.Timeout | undefined;
  #alarm: { set(wallMs: number | undefined): void; close(): void } | undefined;
  /** The end of the queue of tasks. Never rejects. */
  #last: Promise<void> = Promise.resolve();
  #closingQueued = false;
  /** The end of the pause after the last command (IPT_EXEC_SLEEP), monotonic. */
  #restUntilMs = -Infinity;
  /** When the backend's upkeep is due, monotonic; infinite while it has nothing to do. */
  #upkeepAtMs = Infinity;
  #hasAdvised = false;
  #stopped = false;

  /** @param options backend, log, limits */
  constructor(options: FirewallOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  /**
   * Prepares the ground, removes what expired while nobody looked, adopts the rest.
   *
   * @throws {FirewallError} when the firewall cannot be used; the message is one line for the user
   */
  async start(): Promise<void> {
    this.#alarm = this.#clock.alarm(() => this.#wake());
    try {
      await this.#enqueue(async () => {
        const found = await this.#perform(this.#options.backend.prepare({ fresh: this.#options.clearAtStart }));
        this.#search.begin(this.#clock.read().monotonicMs);
        this.#adopt(found);
        this.#planUpkeep();
        await this.#closeDue();
      });
    } catch (error) {
      this.#stopped = true;
      this.#alarm.close();
      // Half of a ground is worse than none. That this may fail as well is no news.
      if (this.#options.clearAtStop) await this.#enqueue(() => this.#perform(this.#options.backend.clear())).catch(() => {});
      throw error;
    }
  }

  /**
   * Opens a grant, together with others that come within some milliseconds. Never rejects.
   *
   * @param grant who may reach what, until when
   * @returns when the firewall has it, or why not
   */
  open(grant: Grant): Promise<OpenResult> {
    if (this.#stopped) return Promise.resolve(refuse("the firewall is being closed"));
    if (this.#waiting.length >= MAX_WAITING) return Promise.resolve(refuse(`${MAX_WAITING} grants are waiting for the firewall already`));
    return new Promise((resolve) => {
      this.#waiting.push({ grant, resolve });
      this.#gathering ??= setTimeout(() => {
        this.#gathering = undefined;
        void this.#enqueue(() => this.#openWaiting());
      }, this.#options.gatherMs ?? 5);
    });
  }

  /** Waits for what is under way, closes everything unless it is to be left, stops the timer. Logs its failures. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#gathering);
    for (const { resolve } of this.#waiting.splice(0)) resolve(refuse("the firewall is being closed"));
    await this.#enqueue(async () => {
      this.#alarm?.close();
      if (!this.#options.clearAtStop) return;
      try {
        await this.#perform(this.#options.backend.clear());
      } catch (error) {
        this.#options.log.error(messageOf(error));
      }
    });
  }

  /**
   * Takes other settings, as after a reload: grants stay open, in new places when the ground
   * differs; what no longer can be granted is closed.
   *
   * @param options as for the constructor; clocks stay
   * @throws {FirewallError} when the new ground cannot be prepared; then the grants are open on the old one again
   */
  async reload(options: FirewallOptions): Promise<void> {
    await this.#enqueue(async () => {
      if (this.#stopped) return;
      const before = this.#options;
      if (options.backend.ground === before.backend.ground) {
        this.#options = options;
        return;
      }
      const grants = new Set(this.rules.flatMap((rule) => rule.grant ?? []));
      try {
        await this.#move(options, grants);
      } catch (error) {
        await this.#move(before, grants);
        throw error;
      } finally {
        this.#setAlarm();
      }
    });
  }

  /** Clears the ground, prepares another, and opens grants there. */
  async #move(options: FirewallOptions, grants: Iterable<Grant>): Promise<void> {
    await this.#perform(this.#options.backend.clear());
    for (const { key } of this.rules) this.#ledger.remove(key);
    this.#options = options;
    this.#adopt(await this.#perform(options.backend.prepare({ fresh: options.clearAtStart })));
    this.#planUpkeep();
    const tell = (result: OpenResult): void => {
      if (!result.ok) options.log.warning(`A grant ended with the reload: ${result.reason}`);
    };
    await this.#openAll(Array.from(grants, (grant) => ({ grant, resolve: tell })));
  }

  /** The rules that are open now, oldest first. */
  get rules(): readonly Rule[] {
    return [...this.#ledger.items.values()];
  }

  /**
   * Lists for --fw-list and --fw-list-all. Needs no start.
   *
   * @param scope our chains, or all of the tables that we use
   * @returns what goes to stdout, heading included, and the firewall's own complaints
   */
  async list(scope: "ours" | "all"): Promise<{ readonly stdout: string; readonly stderr: string }> {
    return this.#enqueue(async () => {
      const { stdout, stderr } = await this.#perform(this.#options.backend.show(scope));
      return { stdout: `${this.#options.backend.headings[scope]}\n${stdout}`, stderr };
    });
  }

  /**
   * Removes everything of ours, for --fw-flush. Needs no start.
   *
   * @returns what goes to stdout and stderr
   */
  async flush(): Promise<{ readonly stdout: string; readonly stderr: string }> {
    return this.#enqueue(async () => {
      const stdout = `${this.#options.backend.headings.clear}\n`;
      try {
        await this.#perform(this.#options.backend.clear());
        return { stdout, stderr: "" };
      } catch (error) {
        return { stdout, stderr: `${messageOf(error)}\n` };
      }
    });
  }

  /**
   * Closes everything that an address was granted, for --fw-del-ip. Needs no start.
   *
   * @param address who was let in
   * @returns the rules that are gone
   * @throws {FirewallError} when the firewall refuses
   */
  async closeAddress(address: IpAddress): Promise<readonly Rule[]> {
    return this.#enqueue(async () => {
      const { backend } = this.#options;
      this.#adopt(await this.#perform(backend.find([address.version])));
      const ours = [...this.#ledger.items.values()].filter((rule) => backend.concerns(rule, address));
      const numbers = this.#numbers(ours);
      const changed = await this.#change([], ours);
      if (changed instanceof FirewallError) throw changed;
      this.#forget(ours, numbers);
      await this.#forgetConnections(ours);
      this.#setAlarm();
      return ours;
    });
  }

  // --- Opening --------------------------------------------------------------------------------------------------------

  async #openWaiting(): Promise<void> {
    while (this.#waiting.length > 0) await this.#openAll(this.#waiting.splice(0, MAX_BATCH));
    // Those who knock again and again may be all that ever happens.
    await this.#searchIfDue(false);
    this.#setAlarm();
  }

  async #openAll(waiting: readonly Waiting[]): Promise<void> {
    // Not before: a reload may have moved the ground while they waited.
    const planned = waiting.flatMap((one) => this.#plan(one) ?? []);
    for (const family of FAMILIES) {
      const ours = planned.filter(({ grant }) => grant.source.version === family);
      if (ours.length > 0) await this.#openBatch(family, ours);
    }
  }

  /** Undefined for a grant that the backend cannot give; whoever asked is told. */
  #plan(waiting: Waiting): Planned | undefined {
    try {
      const planned = this.#options.backend.rulesFor(waiting.grant, this.#ledger.items);
      if (planned.ok) return { ...waiting, rules: planned.rules };
      waiting.resolve(refuse(planned.reason));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      waiting.resolve(refuse(error.message));
    }
    return undefined;
  }

  /** Opens grants of one family in one transaction, and closes with them what is due. */
  async #openBatch(family: Family, waiting: readonly Planned[]): Promise<void> {
    const now = this.#clock.read();
    const batch = planBatch(waiting, this.#ledger, now);
    for (const { grant, resolve } of batch.late) resolve(refuse(`it had ended at ${grant.expiresAt}, before the firewall could open it`));
    // Where closing begins with a question, it is left to the timer.
    const mayClose = batch.add.size > 0 && this.#options.findInUse === undefined;
    const due = mayClose ? this.#ledger.due(now).filter((rule) => rule.family === family && !batch.add.has(rule.key)) : [];
    const numbers = this.#numbers(due);
    const changed = await this.#change([...batch.add.values()], [...batch.remove.values(), ...due]);
    if (changed instanceof FirewallError) {
      await this.#openFewer(family, batch.opening, changed);
      return;
    }
    this.#forget(due, numbers);
    if (batch.remove.size > 0) this.#planUpkeep();
    this.#enter(batch.add.values(), changed);
    for (const rule of batch.present) this.#options.log.debug(this.#options.backend.lines.present(rule));
    for (const { rules, resolve } of batch.opening) {
      const open = rules.map((rule) => this.#ledger.items.get(rule.key) ?? rule);
      resolve({
        ok: true, rules: open,
        renewed: rules.every((rule) => batch.remove.has(rule.key) || batch.add.get(rule.key) !== rule),
        expiresAt: Math.min(...open.map((rule) => rule.expiresAt)),
      });
    }
    await this.#forgetConnections(due);
  }

  /** After a failure: one grant that the firewall does not take must not keep the others out. Without a program or its lock nobody gets in. */
  async #openFewer(family: Family, opening: readonly Planned[], failure: FirewallError): Promise<void> {
    const isOfGrant = failure.code === "FULL" || (failure.code === "STATUS" && failure.status !== LOCK_STATUS);
    if (opening.length > 1 && isOfGrant) {
      const half = opening.length >> 1;
      await this.#openBatch(family, opening.slice(0, half));
      await this.#openBatch(family, opening.slice(half));
      return;
    }
    this.#options.log.error(failure.message);
    for (const { resolve } of opening) resolve({ ok: false, reason: failure.summary, error: failure });
  }

  /** Enters what was added. */
  #enter(added: Iterable<Rule>, { placed }: Changed): void {
    const now = this.#clock.read();
    for (const planned of added) {
      const rule = placed?.get(planned) ?? planned;
      const before = this.#ledger.items.get(rule.key);
      if (before === rule) continue; // its end stays as it was on either clock
      this.#ledger.put(rule, now);
      this.#options.log.info(this.#options.backend.lines.opened(rule, before));
    }
    const { backend: { crowd }, log } = this.#options;
    if (this.#hasAdvised || crowd === undefined || this.#ledger.size <= crowd.rules) return;
    this.#hasAdvised = true;
    log.warning(`More than ${crowd.rules} rules are open: ${crowd.advice}`);
  }

  // --- Closing --------------------------------------------------------------------------------------------------------

  /** Closes what is due, and looks after the firewall when it is time for that. */
  async #closeDue(): Promise<void> {
    try {
      const due = await this.#findEnded();
      await this.#close(due);
      await this.#searchIfDue(due.length > 0);
      if (this.#clock.read().monotonicMs >= this.#upkeepAtMs) await this.#doUpkeep();
    } finally {
      this.#setAlarm();
    }
  }

  /** What is due and not in use any more. */
  async #findEnded(): Promise<readonly Rule[]> {
    const due = this.#ledger.due(this.#clock.read());
    const { findInUse, log, backend } = this.#options;
    if (findInUse === undefined || due.length === 0) return due;
    // One that was for one connection is not opened for a second one.
    const inUse = (await findInUse(due)).filter((rule) => rule.grant?.once !== true);
    const now = this.#clock.read();
    const ends = inUse.filter((rule) => backend.endsByItself?.(rule) === true && 1000 * rule.expiresAt <= now.wallMs + IN_USE_MS);
    const lost = new Set(await this.#lengthen(ends));
    const staying = new Set(inUse.filter((rule) => !lost.has(rule)));
    for (const rule of staying) {
      this.#ledger.postpone(rule.key, now, IN_USE_MS);
      log.debug(`Rule of ${rule.chain} stays after its time, for a connection of it is established: ${rule.subject}`);
    }
    return due.filter((rule) => !staying.has(rule));
  }

  /**
   * Gives rules that end by themselves more time, each time anew while their connections last.
   *
   * @returns those that could not be given any
   */
  async #lengthen(rules: readonly Rule[]): Promise<readonly Rule[]> {
    const expiresAt = Math.ceil(this.#clock.read().wallMs / 1000) + LENGTHENED_SECONDS;
    const lost: Rule[] = [];
    for (const family of FAMILIES) {
      const before = rules.filter((rule) => rule.family === family);
      // Where a firewall ends rules, their end is no part of their words.
      const longer = before.map((rule) => ({ ...rule, expiresAt }));
      const changed = await this.#change(longer, before);
      if (changed instanceof FirewallError) {
        this.#options.log.error(changed.message);
        lost.push(...before);
      } else for (const rule of longer) this.#ledger.put(rule, this.#clock.read());
    }
    return lost;
  }

  /** Closes rules. What cannot be closed is tried again, after longer and longer pauses. */
  async #close(due: readonly Rule[]): Promise<void> {
    const numbers = this.#numbers(due);
    for (const family of FAMILIES) {
      const ours = due.filter((rule) => rule.family === family);
      const changed = await this.#change([], ours);
      if (!(changed instanceof FirewallError)) {
        this.#forget(ours, numbers);
        await this.#forgetConnections(ours);
        continue;
      }
      this.#options.log.error(`Still open after its time, to be tried again: ${changed.message}`);
      const now = this.#clock.read();
      for (const { key } of ours) this.#ledger.tryLater(key, now);
    }
  }

  /** Strikes out what was closed. */
  #forget(rules: readonly Rule[], numbers: ReadonlyMap<Rule, number>): void {
    if (rules.length > 0) this.#planUpkeep();
    for (const rule of rules) {
      this.#ledger.remove(rule.key);
      this.#options.log.info(this.#options.backend.lines.closed(rule, numbers.get(rule) ?? 0), { event: "closed" });
    }
  }

  async #forgetConnections(closed: readonly Rule[]): Promise<void> {
    const { afterClosing } = this.#options;
    if (afterClosing !== undefined && closed.length > 0) await this.#perform(afterClosing(closed));
  }

  // --- Looking --------------------------------------------------------------------------------------------------------

  /** @param hasClosed whether something was closed just now */
  async #searchIfDue(hasClosed: boolean): Promise<void> {
    if (this.#search.isDue(this.#clock.read().monotonicMs, this.#searchIntervalMs, hasClosed)) await this.#searchRules();
  }

  get #searchIntervalMs(): number {
    const { sweepSeconds = 0, backend } = this.#options;
    const isUseless = backend.needsNoSearch === true && backend.keepShut === undefined;
    return sweepSeconds === 0 || isUseless ? Infinity : 1000 * sweepSeconds;
  }

  /** Reads the chains: rules of others with a time mark are closed when they are due, too; what nobody was granted, at once. */
  async #searchRules(): Promise<void> {
    this.#search.begin(this.#clock.read().monotonicMs);
    const { backend } = this.#options;
    try {
      if (backend.keepShut !== undefined) await this.#perform(backend.keepShut(this.#rulesToKeep([])));
      if (backend.needsNoSearch) return;
      const found = await this.#perform(backend.find(this.#ledger.families));
      const left = this.#search.end(found).filter(({ key }) => !this.#ledger.items.has(key));
      this.#adopt(found);
      if (left.length > 0) this.#options.log.warning(`${left.length} rules of grants that had failed were there all the same; they are removed`);
      await this.#close([...await this.#findEnded(), ...left]);
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      this.#options.log.error(error.message);
    }
  }

  /** Enters rules that were found. */
  #adopt(found: readonly Rule[]): void {
    this.#ledger.adopt(found, this.#clock.read());
  }

  /** There is something to do for the backend, when its time has come. */
  #planUpkeep(): void {
    const { upkeep } = this.#options.backend;
    if (upkeep === undefined) this.#upkeepAtMs = Infinity;
    else this.#upkeepAtMs = Math.min(this.#upkeepAtMs, this.#clock.read().monotonicMs + 1000 * upkeep.everySeconds);
  }

  async #doUpkeep(): Promise<void> {
    this.#upkeepAtMs = Infinity;
    try {
      const { upkeep } = this.#options.backend;
      if (upkeep !== undefined && await this.#perform(upkeep.run())) this.#planUpkeep();
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      this.#options.log.error(error.message);
      this.#planUpkeep();
    }
  }

  // --- The timer ------------------------------------------------------------------------------------------------------

  #wake(): void {
    if (this.#closingQueued) return;
    this.#closingQueued = true;
    void this.#enqueue(async () => {
      this.#closingQueued = false;
      if (!this.#stopped) await this.#closeDue();
    });
  }

  /** Sets the timer to what comes first: the end of a grant, a look at the firewall, or upkeep. */
  #setAlarm(): void {
    const now = this.#clock.read();
    const nextLookMs = Math.min(this.#search.wakeAtMs(this.#searchIntervalMs, this.#ledger.size === 0), this.#upkeepAtMs);
    const soonestMs = Math.min(this.#ledger.nextDueMs(now) ?? Infinity, Math.max(0, nextLookMs - now.monotonicMs));
    this.#alarm?.set(soonestMs === Infinity ? undefined : now.wallMs + soonestMs);
  }

  // --- Performing -----------------------------------------------------------------------------------------------------

  /** Runs a task when all before it have ended. */
  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.then(() => {}, () => {});
    return result;
  }

  /** Changes rules of one family. Returns the failure, which is an answer here. */
  async #change(add: readonly Rule[], remove: readonly Rule[]): Promise<FirewallError | Changed> {
    if (add.length === 0 && remove.length === 0) return { repaired: false };
    try {
      return await this.#perform(this.#options.backend.change({ add, remove, keep: this.#rulesToKeep(remove) }));
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      if (!this.#options.backend.endsByItself) {
        for (const { family } of add) this.#ledger.expect(family);
        this.#search.doubt(add, this.#clock.read().monotonicMs);
      }
      return error;
    }
  }

  /** All rules whose time is not over, but those that are to be removed. */
  #rulesToKeep(remove: readonly Rule[]): Iterable<Rule> {
    const gone = new Set(remove.map((rule) => rule.key));
    const nowSeconds = this.#clock.read().wallMs / 1000;
    return where({ [Symbol.iterator]: () => this.#ledger.items.values() }, (rule) => !gone.has(rule.key) && rule.expiresAt > nowSeconds);
  }

  #numbers(rules: readonly Rule[]): ReadonlyMap<Rule, number> {
    return numberRules(rules, this.#ledger.items.values(), this.#options.backend.newestFirst);
  }

  async #perform<Learnt>(plan: Plan<Learnt>): Promise<Learnt> {
    const pauseMs = this.#restUntilMs - performance.now();
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    try {
      return await performPlan(plan, this.#options);
    } finally {
      this.#restUntilMs = performance.now() + 1000 * (this.#options.pauseSeconds ?? 0);
    }
  }
}
