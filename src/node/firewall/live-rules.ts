/**
 * The rules that are in the firewall, and the ledger of them: neither is changed without the other. Not for several tasks
 * at a time; `firewall.ts` has them wait for one another.
 *
 * @module
 */

import { type Changed, type Family, FirewallError, type FirewallBackend, type Plan, type Rule } from "../../firewall/backend.ts";
import { RuleLedger } from "../../firewall/rule-ledger.ts";
import { numberRules } from "../../firewall/rule-numbers.ts";
import { RuleSearch } from "../../firewall/rule-search.ts";
import { where } from "../../firewall/steps.ts";
import type { IpAddress } from "../../ip.ts";
import type { Clock } from "../clock.ts";
import { performPlan, type PerformOptions } from "./perform-plan.ts";

/** Which firewall, and how its rules are looked after. */
export interface LiveRulesOptions extends PerformOptions {
  readonly backend: FirewallBackend;
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
}

/** Rules that come and go in one transaction. All are of one family. */
export interface RuleChange {
  readonly add: readonly Rule[];
  /** Those whose place added ones take. */
  readonly replace: readonly Rule[];
  readonly close: readonly Rule[];
}

/** Families in the order in which they are changed: no transaction has both. */
export const FAMILIES = [4, 6] as const satisfies readonly Family[];

/** How long a rule stays whose connections last, before they are looked for again. */
const IN_USE_MS = 3000;

/** What a rule that ends by itself is given then; it is closed as soon as its connections have ended. */
const LENGTHENED_SECONDS = 30;

/** What is open in a firewall. */
export class LiveRules {
  readonly ledger = new RuleLedger();
  readonly #clock: Clock;
  readonly #search = new RuleSearch();
  #options: LiveRulesOptions;
  /** The end of the pause after the last command (IPT_EXEC_SLEEP), monotonic. */
  #restUntilMs = -Infinity;
  /** When the backend's upkeep is due, monotonic; infinite while it has nothing to do. */
  #upkeepAtMs = Infinity;

  constructor(options: LiveRulesOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Takes other settings for the same ground. */
  set options(options: LiveRulesOptions) {
    this.#options = options;
  }

  /**
   * Prepares the ground, and enters what is there.
   *
   * @param fresh remove it instead
   * @throws {FirewallError} when the firewall cannot be used
   */
  async prepare(fresh: boolean): Promise<void> {
    const found = await this.perform(this.#options.backend.prepare({ fresh }));
    this.#search.begin(this.#clock.read().monotonicMs);
    this.#adopt(found);
    this.#planUpkeep();
  }

  /**
   * Removes everything of ours.
   *
   * @throws {FirewallError} when that is not possible; then the ledger is as before
   */
  async clear(): Promise<void> {
    await this.perform(this.#options.backend.clear());
    for (const key of [...this.ledger.items.keys()]) this.ledger.remove(key);
  }

  /**
   * Changes rules.
   *
   * @param change what comes and goes; {@link forgetConnections} is left to the caller
   * @returns the failure, which is an answer here
   */
  async change({ add, replace, close }: RuleChange): Promise<FirewallError | undefined> {
    const numbers = this.#numbers(close);
    const changed = await this.#change(add, [...replace, ...close]);
    if (changed instanceof FirewallError) return changed;
    this.#forget(close, numbers);
    if (replace.length > 0) this.#planUpkeep();
    this.#enter(add, changed);
    return undefined;
  }

  /**
   * Finds what is due and not in use any more.
   *
   * @returns rules of the ledger; they are still open
   */
  async findEnded(): Promise<readonly Rule[]> {
    const due = this.ledger.due(this.#clock.read());
    const { findInUse, log, backend } = this.#options;
    if (findInUse === undefined || due.length === 0) return due;
    // One that was for one connection is not opened for a second one.
    const inUse = (await findInUse(due)).filter((rule) => rule.grant?.once !== true);
    const now = this.#clock.read();
    const ends = inUse.filter((rule) => backend.endsByItself?.(rule) === true && 1000 * rule.expiresAt <= now.wallMs + IN_USE_MS);
    const lost = new Set(await this.#lengthen(ends));
    const staying = new Set(inUse.filter((rule) => !lost.has(rule)));
    for (const rule of staying) {
      this.ledger.postpone(rule.key, now, IN_USE_MS);
      log.debug(`Rule of ${rule.chain} stays after its time, for a connection of it is established: ${rule.subject}`);
    }
    return due.filter((rule) => !staying.has(rule));
  }

  /**
   * Closes rules. What cannot be closed is tried again, after longer and longer pauses.
   *
   * @param rules of any family
   */
  async close(rules: readonly Rule[]): Promise<void> {
    for (const family of FAMILIES) {
      const ours = rules.filter((rule) => rule.family === family);
      const failure = await this.change({ add: [], replace: [], close: ours });
      if (failure === undefined) {
        await this.forgetConnections(ours);
        continue;
      }
      this.#options.log.error(`Still open after its time, to be tried again: ${failure.message}`);
      const now = this.#clock.read();
      for (const { key } of ours) this.ledger.tryLater(key, now);
    }
  }

  /**
   * Closes everything that lets an address in, whoever opened it.
   *
   * @param address who was let in
   * @returns the rules that are gone
   * @throws {FirewallError} when the firewall refuses
   */
  async closeAddress(address: IpAddress): Promise<readonly Rule[]> {
    const { backend } = this.#options;
    this.#adopt(await this.perform(backend.find([address.version])));
    const ours = [...this.ledger.items.values()].filter((rule) => backend.concerns(rule, address));
    const failure = await this.change({ add: [], replace: [], close: ours });
    if (failure !== undefined) throw failure;
    await this.forgetConnections(ours);
    return ours;
  }

  /**
   * Has the connections forgotten that rules let in (CONNTRACK_ON_EXPIRE).
   *
   * @param closed the rules
   */
  async forgetConnections(closed: readonly Rule[]): Promise<void> {
    const { afterClosing } = this.#options;
    if (afterClosing !== undefined && closed.length > 0) await this.perform(afterClosing(closed));
  }

  /**
   * Performs a plan, after the pause that follows the one before.
   *
   * @param plan of the backend
   * @returns what it learnt
   * @throws {FirewallError} when it gives up
   */
  async perform<Learnt>(plan: Plan<Learnt>): Promise<Learnt> {
    const pauseMs = this.#restUntilMs - performance.now();
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    try {
      return await performPlan(plan, this.#options);
    } finally {
      this.#restUntilMs = performance.now() + 1000 * (this.#options.pauseSeconds ?? 0);
    }
  }

  // --- Care -----------------------------------------------------------------------------------------------------------

  /** When something has to be done though nothing ends, monotonic, milliseconds; infinite for never. */
  get nextCareMs(): number {
    return Math.min(this.#search.wakeAtMs(this.#searchIntervalMs, this.ledger.size === 0), this.#upkeepAtMs);
  }

  /**
   * Looks for rules that the ledger may not have, if it is time for that. Those of others with a time mark are closed when
   * they are due, too; what nobody was granted, at once.
   *
   * @param hasClosed whether something was closed just now
   */
  async searchIfDue(hasClosed: boolean): Promise<void> {
    const nowMs = this.#clock.read().monotonicMs;
    if (!this.#search.isDue(nowMs, this.#searchIntervalMs, hasClosed)) return;
    this.#search.begin(nowMs);
    await this.#told(() => this.#searchRules());
  }

  /** Does what the backend has to do now and then. */
  async upkeepIfDue(): Promise<void> {
    if (this.#clock.read().monotonicMs < this.#upkeepAtMs) return;
    this.#upkeepAtMs = Infinity;
    const { upkeep } = this.#options.backend;
    if (upkeep === undefined) return;
    const isOver = await this.#told(async () => !(await this.perform(upkeep.run())));
    if (isOver !== true) this.#planUpkeep();
  }

  async #searchRules(): Promise<void> {
    const { backend, log } = this.#options;
    if (backend.keepShut !== undefined) await this.perform(backend.keepShut(this.#rulesToKeep([])));
    if (backend.needsNoSearch) return;
    const found = await this.perform(backend.find(this.ledger.families));
    const left = this.#search.end(found).filter(({ key }) => !this.ledger.items.has(key));
    this.#adopt(found);
    if (left.length > 0) log.warning(`${left.length} rules of grants that had failed were there all the same; they are removed`);
    await this.close([...await this.findEnded(), ...left]);
  }

  get #searchIntervalMs(): number {
    const { sweepSeconds = 0, backend } = this.#options;
    const isUseless = backend.needsNoSearch === true && backend.keepShut === undefined;
    return sweepSeconds === 0 || isUseless ? Infinity : 1000 * sweepSeconds;
  }

  /** There is something to do for the backend, when its time has come. */
  #planUpkeep(): void {
    const { upkeep } = this.#options.backend;
    if (upkeep === undefined) this.#upkeepAtMs = Infinity;
    else this.#upkeepAtMs = Math.min(this.#upkeepAtMs, this.#clock.read().monotonicMs + 1000 * upkeep.everySeconds);
  }

  /** Nobody waits for care: what the firewall refuses is for the log. */
  async #told<Outcome>(task: () => Promise<Outcome>): Promise<Outcome | undefined> {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      this.#options.log.error(error.message);
      return undefined;
    }
  }

  // --- Firewall and ledger --------------------------------------------------------------------------------------------

  /** Enters rules that were found. */
  #adopt(found: readonly Rule[]): void {
    this.ledger.adopt(found, this.#clock.read());
  }

  /** Changes rules of one family in the firewall alone. */
  async #change(add: readonly Rule[], remove: readonly Rule[]): Promise<FirewallError | Changed> {
    if (add.length === 0 && remove.length === 0) return { repaired: false };
    try {
      return await this.perform(this.#options.backend.change({ add, remove, keep: this.#rulesToKeep(remove) }));
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      const staying = add.filter((rule) => this.#options.backend.endsByItself?.(rule) !== true);
      for (const { family } of staying) this.ledger.expect(family);
      this.#search.doubt(staying, this.#clock.read().monotonicMs);
      return error;
    }
  }

  /** All rules whose time is not over, but those that are to be removed. */
  #rulesToKeep(remove: readonly Rule[]): Iterable<Rule> {
    const gone = new Set(remove.map((rule) => rule.key));
    const nowSeconds = this.#clock.read().wallMs / 1000;
    return where({ [Symbol.iterator]: () => this.ledger.items.values() }, (rule) => !gone.has(rule.key) && rule.expiresAt > nowSeconds);
  }

  /** Enters what was added. */
  #enter(added: readonly Rule[], { placed }: Changed): void {
    const now = this.#clock.read();
    const { backend: { lines }, log } = this.#options;
    for (const planned of added) {
      const rule = placed?.get(planned) ?? planned;
      const before = this.ledger.items.get(rule.key);
      if (before === rule) continue; // its end stays as it was on either clock
      this.ledger.put(rule, now);
      log.info(lines.opened(rule, before));
    }
  }

  /** Strikes out what was closed. */
  #forget(rules: readonly Rule[], numbers: ReadonlyMap<Rule, number>): void {
    if (rules.length > 0) this.#planUpkeep();
    for (const rule of rules) {
      this.ledger.remove(rule.key);
      this.#options.log.info(this.#options.backend.lines.closed(rule, numbers.get(rule) ?? 0), { event: "closed" });
    }
  }

  /** What a listing of before the change numbers rules with. */
  #numbers(rules: readonly Rule[]): ReadonlyMap<Rule, number> {
    return numberRules(rules, this.ledger.items.values(), this.#options.backend.newestFirst);
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
      } else for (const rule of longer) this.ledger.put(rule, this.#clock.read());
    }
    return lost;
  }
}
