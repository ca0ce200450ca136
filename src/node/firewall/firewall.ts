/**
 * Opens grants, gathered into batches, and closes what is due. The packet path never waits for it.
 *
 * Everything that touches the firewall is one queue of tasks, so no two of our commands race.
 * One timer stands at the next end of a grant; with nothing open there is none.
 *
 * @module
 */

import type { Family, FirewallError, Rule } from "../../firewall/backend.ts";
import type { Grant } from "../../firewall/grant.ts";
import type { IpAddress } from "../../ip.ts";
import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import { messageOf } from "../system-error.ts";
import { type OpenResult, type Planned, planBatch, refuse, type Waiting } from "./batch.ts";
import { FAMILIES, LiveRules, type LiveRulesOptions } from "./live-rules.ts";

export { FirewallError } from "../../firewall/backend.ts";
export type { OpenResult } from "./batch.ts";
export type { FirewallLog } from "./perform-plan.ts";

/** How commands are run and how grants are kept. */
export interface FirewallOptions extends LiveRulesOptions {
  /** Remove rules that are there at the start instead of adopting them (FLUSH_IPT_AT_INIT). */
  readonly clearAtStart: boolean;
  /** Leave nothing behind at the end (FLUSH_IPT_AT_EXIT). */
  readonly clearAtStop: boolean;
  /** How long a grant waits for others to share its transaction, milliseconds, 5 when absent. */
  readonly gatherMs?: number;
  /** Replaces the clocks in tests. */
  readonly clock?: Clock;
}

/** Grants that may wait for the firewall; more are refused, so that a stuck one does not fill the memory. */
const MAX_WAITING = 10_000;

/** Grants of one transaction: keeps it below a second on a slow machine. */
const MAX_BATCH = 1000;

/** What iptables exits with when it did not get its lock, or may not do this. */
const LOCK_STATUS = 4;

/** The firewall with the grants that are open in it. */
export class Firewall {
  #options: FirewallOptions;
  readonly #clock: Clock;
  readonly #live: LiveRules;
  readonly #waiting: Waiting[] = [];
  #gathering: NodeJS.Timeout | undefined;
  #alarm: { set(wallMs: number | undefined): void; close(): void } | undefined;
  /** The end of the queue of tasks. Never rejects. */
  #last: Promise<void> = Promise.resolve();
  #closingQueued = false;
  #stopped = false;

  /** @param options backend, log, limits */
  constructor(options: FirewallOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#live = new LiveRules(options, this.#clock);
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
        await this.#live.prepare(this.#options.clearAtStart);
        await this.#closeDue();
      });
    } catch (error) {
      this.#stopped = true;
      this.#alarm.close();
      // Half of a ground is worse than none. That this may fail as well is no news.
      if (this.#options.clearAtStop) await this.#enqueue(() => this.#live.clear()).catch(() => {});
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
        await this.#live.clear();
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
   * @throws {FirewallError} when the new ground cannot be prepared; then the grants are open on the old one
   */
  async reload(options: FirewallOptions): Promise<void> {
    await this.#enqueue(async () => {
      if (this.#stopped) return;
      const before = this.#options;
      if (options.backend.ground === before.backend.ground) {
        if (options.backend.takeOver !== undefined) await this.#live.perform(options.backend.takeOver());
        this.#use(options);
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

  #use(options: FirewallOptions): void {
    this.#options = options;
    this.#live.options = options;
  }

  /** Clears the ground, prepares another, and opens grants there. */
  async #move(options: FirewallOptions, grants: Iterable<Grant>): Promise<void> {
    await this.#live.clear();
    this.#use(options);
    await this.#live.prepare(options.clearAtStart);
    const tell = (result: OpenResult): void => {
      if (!result.ok) options.log.warning(`A grant ended with the reload: ${result.reason}`);
    };
    const waiting = Array.from(grants, (grant) => ({ grant, resolve: tell }));
    while (waiting.length > 0) await this.#openAll(waiting.splice(0, MAX_BATCH));
  }

  /** The rules that are open now, oldest first. */
  get rules(): readonly Rule[] {
    return [...this.#live.ledger.items.values()];
  }

  /**
   * Lists for --fw-list and --fw-list-all. Needs no start.
   *
   * @param scope our chains, or all of the tables that we use
   * @returns what goes to stdout, heading included, and the firewall's own complaints
   */
  async list(scope: "ours" | "all"): Promise<{ readonly stdout: string; readonly stderr: string }> {
    return this.#enqueue(async () => {
      const { stdout, stderr } = await this.#live.perform(this.#options.backend.show(scope));
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
        await this.#live.clear();
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
      const closed = await this.#live.closeAddress(address);
      this.#setAlarm();
      return closed;
    });
  }

  // --- Opening --------------------------------------------------------------------------------------------------------

  async #openWaiting(): Promise<void> {
    while (this.#waiting.length > 0) await this.#openAll(this.#waiting.splice(0, MAX_BATCH));
    // Those who knock again and again may be all that ever happens.
    await this.#live.searchIfDue(false);
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
      const planned = this.#options.backend.rulesFor(waiting.grant, this.#live.ledger.items);
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
    const { ledger } = this.#live;
    const now = this.#clock.read();
    const batch = planBatch(waiting, ledger, now);
    for (const { grant, resolve } of batch.late) resolve(refuse(`it had ended at ${grant.expiresAt}, before the firewall could open it`));
    // Where closing begins with a question, it is left to the timer.
    const mayClose = batch.add.size > 0 && this.#options.findInUse === undefined;
    const due = mayClose ? ledger.due(now).filter((rule) => rule.family === family && !batch.add.has(rule.key)) : [];
    const failure = await this.#live.change({ add: [...batch.add.values()], replace: [...batch.remove.values()], close: due });
    if (failure !== undefined) {
      await this.#openFewer(family, batch.opening, failure);
      return;
    }
    for (const rule of batch.present) this.#options.log.debug(this.#options.backend.lines.present(rule));
    for (const { rules, resolve } of batch.opening) {
      const open = rules.map((rule) => ledger.items.get(rule.key) ?? rule);
      resolve({
        ok: true, rules: open,
        renewed: rules.every((rule) => batch.remove.has(rule.key) || batch.add.get(rule.key) !== rule),
        expiresAt: Math.min(...open.map((rule) => rule.expiresAt)),
      });
    }
    await this.#live.forgetConnections(due);
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

  // --- Closing --------------------------------------------------------------------------------------------------------

  /** Closes what is due, and looks after the firewall when it is time for that. */
  async #closeDue(): Promise<void> {
    try {
      const due = await this.#live.findEnded();
      await this.#live.close(due);
      await this.#live.searchIfDue(due.length > 0);
      await this.#live.upkeepIfDue();
    } finally {
      this.#setAlarm();
    }
  }

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
    const soonestMs = Math.min(this.#live.ledger.nextDueMs(now) ?? Infinity, Math.max(0, this.#live.nextCareMs - now.monotonicMs));
    this.#alarm?.set(soonestMs === Infinity ? undefined : now.wallMs + soonestMs);
  }

  /** Runs a task when all before it have ended. */
  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.then(() => {}, () => {});
    return result;
  }
}
