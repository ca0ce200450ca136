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
import { where } from "../../firewall/steps.ts";
import type { IpAddress } from "../../ip.ts";
import { Ledger } from "../../server/expiry.ts";
import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import { performPlan, type PerformOptions } from "./perform-plan.ts";

export { FirewallError } from "../../firewall/backend.ts";
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
   * Longest time between two looks for rules of others with a time mark, seconds; 0 or absent for
   * never. See {@link sweepSeconds}.
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

/** What became of a grant. */
export type OpenResult =
  | {
    readonly ok: true;
    /** What is open now. */
    readonly rules: readonly Rule[];
    /** Whether all of it was open already. */
    readonly renewed: boolean;
    /** Unix time, seconds, at which the first of it closes: never earlier than asked for. */
    readonly expiresAt: number;
  }
  | {
    readonly ok: false;
    /** One line: the backend's refusal, or what the firewall's program said. The whole command is in the log, once, and in `error`. */
    readonly reason: string;
    readonly error?: FirewallError;
  };

/** Grants that may wait for the firewall; more are refused, so that a stuck one does not fill the memory. */
const MAX_WAITING = 10_000;

/** Grants of one transaction: keeps it below a second on a slow machine. */
const MAX_BATCH = 1000;

/** When something was closed anyway, a look for rules of others is taken after this time already. */
const SWEEP_AFTER_CLOSING_MS = 2000;

/** When the firewall is looked at after a change that failed. */
const DOUBT_MS = 2000;

/** How long a rule stays whose connections last, before they are looked for again. */
const IN_USE_MS = 3000;

/** What a rule that ends by itself is given then; it is closed as soon as its connections have ended. */
const LENGTHENED_SECONDS = 30;

/** Ends that the clocks tell apart by less are the same end: the wall clock counts whole milliseconds. */
const CLOCK_GRAIN_MS = 5;

/** The longest pause between two tries to close something. */
const MAX_POSTPONE_MS = 60_000;

/**
 * Turns RULES_CHECK_THRESHOLD, which counted turns of a polling loop, into a time: 15 seconds for
 * each, 5 minutes for the default of 20. This only concerns rules that somebody else put into our
 * chains: ours have their own timer, and a look is also taken whenever one of ours was closed.
 *
 * @param threshold 0 for never
 * @returns seconds between two looks, 0 for never
 */
export function sweepSeconds(threshold: number): number {
  return 15 * threshold;
}

interface Waiting {
  readonly grant: Grant;
  readonly rules: readonly Rule[];
  readonly resolve: (result: OpenResult) => void;
}

/** The firewall with the grants that are open in it. */
export class Firewall {
  #options: FirewallOptions;
  readonly #clock: Clock;
  readonly #ledger = new Ledger<Rule>();
  /** How often closing a rule failed in a row. */
  readonly #failures = new Map<string, number>();
  /** Families that had rules of ours: most hosts never open anything in IPv6, and are not asked about it. */
  readonly #families = new Set<Family>([4]);
  readonly #waiting: Waiting[] = [];
  #gathering: NodeJS.Timeout | undefined;
  #alarm: { set(wallMs: number | undefined): void; close(): void } | undefined;
  /** The end of the queue of tasks. Never rejects. */
  #last: Promise<void> = Promise.resolve();
  #closingQueued = false;
  /** Until then no command is run after the last one, monotonic. */
  #restUntilMs = -Infinity;
  #sweptAtMs = -Infinity;
  /** Rules of changes that failed, which may be there all the same, by key and end: a program that was killed may have done its work. */
  readonly #doubtful = new Set<string>();
  /** When they are looked for, monotonic; infinite while there are none. */
  #doubtAtMs = Infinity;
  /** When the backend's upkeep is due, monotonic; infinite while it has nothing to do. */
  #upkeepAtMs = Infinity;
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
        this.#sweptAtMs = this.#clock.read().monotonicMs;
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
    try {
      const planned = this.#options.backend.rulesFor(grant, this.#ledger.items);
      if (!planned.ok) return Promise.resolve(refuse(planned.reason));
      return new Promise((resolve) => {
        this.#waiting.push({ grant, rules: planned.rules, resolve });
        this.#gathering ??= setTimeout(() => {
          this.#gathering = undefined;
          void this.#enqueue(() => this.#openWaiting());
        }, this.#options.gatherMs ?? 5);
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return Promise.resolve(refuse(error.message));
    }
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
   * @throws {FirewallError} when the new ground cannot be prepared
   */
  async reload(options: FirewallOptions): Promise<void> {
    await this.#enqueue(async () => {
      const before = this.#options;
      if (options.backend.ground === before.backend.ground) {
        this.#options = options;
        return;
      }
      await this.#perform(before.backend.clear());
      const grants = new Set([...this.#ledger.items.values()].flatMap((rule) => rule.grant ?? []));
      for (const key of [...this.#ledger.items.keys()]) this.#ledger.remove(key);
      this.#options = options;
      this.#adopt(await this.#perform(options.backend.prepare({ fresh: options.clearAtStart })));
      this.#planUpkeep();
      const again: Waiting[] = [];
      for (const grant of grants) {
        const planned = options.backend.rulesFor(grant, this.#ledger.items);
        if (planned.ok) again.push({ grant, rules: planned.rules, resolve: () => {} });
        else options.log.warning(`A grant ended with the reload: ${planned.reason}`);
      }
      await this.#openBatch(again);
      this.#setAlarm();
    });
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

  /** Runs a task when all before it have ended. */
  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.then(() => {}, () => {});
    return result;
  }

  #wake(): void {
    if (this.#closingQueued) return;
    this.#closingQueued = true;
    void this.#enqueue(async () => {
      this.#closingQueued = false;
      if (!this.#stopped) await this.#closeDue();
    });
  }

  /** Sets the timer to what comes first: the end of a grant or the next look for rules of others. */
  #setAlarm(): void {
    const now = this.#clock.read();
    const sweepMs = this.#sweepMs();
    const soonest = Math.min(
      this.#ledger.nextDueMs(now) ?? Infinity,
      sweepMs === 0 ? Infinity : Math.max(0, this.#sweptAtMs + sweepMs - now.monotonicMs),
      Math.max(0, this.#upkeepAtMs - now.monotonicMs),
      Math.max(0, this.#doubtAtMs - now.monotonicMs),
    );
    this.#alarm?.set(soonest === Infinity ? undefined : now.wallMs + soonest);
  }

  #planUpkeep(): void {
    const { upkeep } = this.#options.backend;
    const nextMs = upkeep === undefined ? Infinity : this.#clock.read().monotonicMs + 1000 * upkeep.everySeconds;
    this.#upkeepAtMs = upkeep === undefined ? Infinity : Math.min(this.#upkeepAtMs, nextMs);
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

  #sweepMs(): number {
    return 1000 * (this.#options.sweepSeconds ?? 0);
  }

  async #openWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      for (const family of [4, 6] as const) {
        const ours = batch.filter(({ grant }) => grant.source.version === family);
        if (ours.length > 0) await this.#openBatch(ours);
      }
    }
    this.#setAlarm();
  }

  /** Opens grants of one family in one transaction, and closes with them what is due. */
  async #openBatch(batch: readonly Waiting[]): Promise<void> {
    const { backend, log } = this.#options;
    const now = this.#clock.read();
    const add = new Map<string, Rule>();
    const remove = new Map<string, Rule>();
    const present: Rule[] = [];
    const opening: Waiting[] = [];
    for (const waiting of batch) {
      if (waiting.grant.expiresAt * 1000 <= now.wallMs) {
        waiting.resolve(refuse(`it had ended at ${waiting.grant.expiresAt}, before the firewall could open it`));
        continue;
      }
      opening.push(waiting);
      for (const rule of waiting.rules) {
        const planned = add.get(rule.key);
        const live = this.#ledger.items.get(rule.key);
        const leftMs = planned === undefined || planned === live
          ? this.#ledger.leftMs(rule.key, now) ?? -Infinity
          : planned.expiresAt * 1000 - now.wallMs;
        // The longer of two grants counts: nobody's access is shortened by another knock, unless that is what it asks for.
        const stays = leftMs >= rule.expiresAt * 1000 - now.wallMs - CLOCK_GRAIN_MS && waiting.grant.endsEarlier === undefined;
        if (stays) present.push(rule);
        if (live !== undefined) remove.set(rule.key, live);
        if (!stays) add.set(rule.key, rule);
        // What is open already is put in its own place again: perhaps somebody took it away, and that is why they knock.
        else if (planned === undefined) add.set(rule.key, live!);
      }
    }
    const family = batch[0]?.grant.source.version;
    // Where closing begins with a question, it is left to the timer.
    const mayClose = add.size > 0 && this.#options.findInUse === undefined;
    const due = mayClose ? this.#ledger.due(now).filter((rule) => rule.family === family && !add.has(rule.key)) : [];
    const numbers = this.#numbers(due);
    const changed = await this.#change([...add.values()], [...remove.values(), ...due]);
    if (changed instanceof FirewallError) {
      const failure = changed;
      // One that the firewall does not take must not keep the others out. Without a program or its lock nobody gets in.
      if (opening.length > 1 && (failure.code === "FULL" || (failure.code === "STATUS" && failure.status !== 4))) {
        const half = opening.length >> 1;
        await this.#openBatch(opening.slice(0, half));
        await this.#openBatch(opening.slice(half));
        return;
      }
      log.error(failure.message);
      for (const { resolve } of opening) resolve({ ok: false, reason: failure.summary, error: failure });
      return;
    }

    this.#forget(due, numbers);
    const after = this.#clock.read();
    if (remove.size > 0) this.#planUpkeep();
    for (const planned of add.values()) {
      const rule = changed.placed?.get(planned) ?? planned;
      const before = this.#ledger.items.get(rule.key);
      if (before === rule) continue; // its end stays as it was on either clock
      this.#families.add(rule.family);
      this.#ledger.put(rule, after);
      this.#failures.delete(rule.key);
      log.info(backend.lines.opened(rule, before));
    }
    for (const rule of present) log.debug(backend.lines.present(rule));
    for (const { rules, resolve } of opening) {
      const open = rules.map((rule) => this.#ledger.items.get(rule.key) ?? rule);
      resolve({
        ok: true, rules: open,
        renewed: rules.every((rule) => remove.has(rule.key) || add.get(rule.key) !== rule),
        expiresAt: Math.min(...open.map((rule) => rule.expiresAt)),
      });
    }
    await this.#forgetConnections(due);
  }

  /** Closes what is due, and takes a look for rules of others when it is time for one. */
  async #closeDue(): Promise<void> {
    try {
      const now = this.#clock.read();
      const due = await this.#findEnded();
      await this.#close(due);
      const sinceMs = now.monotonicMs - this.#sweptAtMs;
      if (now.monotonicMs >= this.#doubtAtMs) await this.#sweep();
      else if (this.#sweepMs() > 0 && sinceMs >= (due.length > 0 ? Math.min(SWEEP_AFTER_CLOSING_MS, this.#sweepMs()) : this.#sweepMs())) {
        await this.#sweep();
      }
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
    for (const family of [4, 6] as const) {
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

  async #close(due: readonly Rule[]): Promise<void> {
    const numbers = this.#numbers(due);
    for (const family of [4, 6] as const) {
      const ours = due.filter((rule) => rule.family === family);
      const changed = await this.#change([], ours);
      if (!(changed instanceof FirewallError)) {
        this.#forget(ours, numbers);
        await this.#forgetConnections(ours);
        continue;
      }
      this.#options.log.error(`Still open after its time, to be tried again: ${changed.message}`);
      const now = this.#clock.read();
      for (const { key } of ours) {
        const failures = (this.#failures.get(key) ?? 0) + 1;
        this.#failures.set(key, failures);
        this.#ledger.postpone(key, now, Math.min(500 * 2 ** failures, MAX_POSTPONE_MS));
      }
    }
  }

  /** Reads the chains: rules of others with a time mark are closed when they are due, too; what nobody was granted, at once. */
  async #sweep(): Promise<void> {
    this.#sweptAtMs = this.#clock.read().monotonicMs;
    if (this.#doubtful.size > 0) this.#doubtAtMs = this.#sweptAtMs + MAX_POSTPONE_MS;
    try {
      const found = await this.#perform(this.#options.backend.find(this.#families));
      const left = found.filter((rule) => this.#doubtful.has(endKey(rule)) && !this.#ledger.items.has(rule.key));
      this.#doubtful.clear();
      this.#doubtAtMs = Infinity;
      this.#adopt(found);
      if (left.length > 0) this.#options.log.warning(`${left.length} rules of grants that had failed were there all the same; they are removed`);
      await this.#close([...await this.#findEnded(), ...left]);
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      this.#options.log.error(error.message);
    }
  }

  #adopt(found: readonly Rule[]): void {
    const now = this.#clock.read();
    for (const rule of found) {
      const known = this.#ledger.items.get(rule.key);
      // A second rule that opens the same needs a place of its own to be closed from.
      const second = endKey(rule);
      // One that was switched on again still says its former end.
      const isKnown = known !== undefined && (known.expiresAt === rule.expiresAt || (known.chain === rule.chain && known.words.join(" ") === rule.words.join(" ")));
      if (isKnown || this.#ledger.items.has(second)) continue;
      this.#families.add(rule.family);
      this.#ledger.put(known === undefined ? rule : { ...rule, key: second }, now);
    }
  }

  #forget(rules: readonly Rule[], numbers: ReadonlyMap<Rule, number>): void {
    if (rules.length > 0) this.#planUpkeep();
    for (const rule of rules) {
      this.#ledger.remove(rule.key);
      this.#failures.delete(rule.key);
      this.#options.log.info(this.#options.backend.lines.closed(rule, numbers.get(rule) ?? 0));
    }
  }

  async #forgetConnections(closed: readonly Rule[]): Promise<void> {
    const { afterClosing } = this.#options;
    if (afterClosing !== undefined && closed.length > 0) await this.#perform(afterClosing(closed));
  }

  /** The places of rules in their chains, counted among ours. */
  #numbers(rules: readonly Rule[]): ReadonlyMap<Rule, number> {
    const numbers = new Map<Rule, number>();
    if (rules.length === 0) return numbers;
    const counts = new Map<string, number>();
    const wanted = new Set(rules);
    for (const rule of this.#ledger.items.values()) {
      const place = placeOf(rule);
      const number = (counts.get(place) ?? 0) + 1;
      counts.set(place, number);
      if (wanted.has(rule)) numbers.set(rule, number);
    }
    if (this.#options.backend.newestFirst) {
      for (const [rule, number] of numbers) numbers.set(rule, counts.get(placeOf(rule))! + 1 - number);
    }
    return numbers;
  }

  /** Changes rules of one family. Returns the failure, which is an answer here. */
  async #change(add: readonly Rule[], remove: readonly Rule[]): Promise<FirewallError | Changed> {
    if (add.length === 0 && remove.length === 0) return { repaired: false };
    const gone = new Set(remove.map((rule) => rule.key));
    const nowSeconds = this.#clock.read().wallMs / 1000;
    const keep = where({ [Symbol.iterator]: () => this.#ledger.items.values() }, (rule) => !gone.has(rule.key) && rule.expiresAt > nowSeconds);
    try {
      return await this.#perform(this.#options.backend.change({ add, remove, keep }));
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      if (!this.#options.backend.endsByItself) this.#doubt(add);
      return error;
    }
  }

  #doubt(rules: readonly Rule[]): void {
    for (const rule of rules) {
      this.#families.add(rule.family);
      this.#doubtful.add(endKey(rule));
    }
    if (rules.length > 0) this.#doubtAtMs = Math.min(this.#doubtAtMs, this.#clock.read().monotonicMs + DOUBT_MS);
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

/** The same for two rules that open the same thing until the same time. */
function endKey({ key, expiresAt }: Rule): string {
  return `${key} ${expiresAt}`;
}

function placeOf(rule: Rule): string {
  return `${rule.family} ${rule.table} ${rule.chain}`;
}

function refuse(reason: string): OpenResult {
  return { ok: false, reason };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
