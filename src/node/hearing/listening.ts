/**
 * All ways of hearing at once, and how they change while packets come: what stays the same is not touched, and what is
 * new must hear before what is old falls silent.
 *
 * @module
 */

import { messageOf } from "../system-error.ts";
import { isLimitReached } from "./capture-feed.ts";
import type { Listener, ListenerEnd, ListenerOptions } from "./listener.ts";
import { Overlap } from "./overlap.ts";

/** A way of hearing that can be opened. */
export interface WayOfHearing {
  /** Equal for two ways that hear the same in the same manner. */
  readonly key: string;
  /** What only one can hold at a time, such as a port: the old way must be gone before the new one opens. */
  readonly holds?: string;
  /** The interface, where tcpdump hears. */
  readonly captures?: string;
  /** @throws {Error} when it cannot be opened; the message is one line for the user */
  readonly open: (options: ListenerOptions) => Listener;
}

/** A way that is open. */
interface Running {
  readonly way: WayOfHearing;
  readonly listener: Listener;
  readonly ended: Promise<ListenerEnd>;
  /** Undefined when it hears, else why it never did. */
  readonly ready: Promise<ListenerEnd | undefined>;
}

/** Why nothing is changed at the end. */
const IS_OVER = "The daemon ends";

/** The listeners of a daemon. */
export class Listening {
  readonly #options: ListenerOptions;
  readonly #running: Map<string, Running> = new Map();
  /** Those of a change that is under way. */
  #opened: readonly Running[] = [];
  readonly #overlap: Overlap = new Overlap();
  #finish: (end: ListenerEnd) => void = () => {};
  #isOver = false;

  /** @param options what each listener is given */
  constructor(options: ListenerOptions) {
    this.#options = { ...options, handle: (datagram) => (this.#overlap.isRepeat(datagram) ? undefined : options.handle(datagram)) };
  }

  /**
   * Hears until all ways have ended, one has failed, or {@link end} is called.
   *
   * @param ways what to open
   * @param onReady is called when nothing that is sent from now on will be missed
   * @returns how it ended
   */
  async run(ways: readonly WayOfHearing[], onReady: () => void): Promise<ListenerEnd> {
    const finished = new Promise<ListenerEnd>((resolve) => (this.#finish = resolve));
    const opened = ways.map((way) => this.#open(way));
    for (const running of opened) this.#adopt(running);
    void Promise.all(opened.map(({ ready }) => ready)).then((failures) => {
      if (failures.every((failure) => failure === undefined)) onReady();
    });
    const end = await finished;
    this.#isOver = true;
    await this.#close([...this.#running.values(), ...this.#opened]);
    return end;
  }

  /** Ends {@link run}. */
  end(): void {
    this.#finish({ kind: "done" });
  }

  /**
   * Hears in other ways from now on.
   *
   * @param ways all of them
   * @param meanwhile is done when the new ways hear and before the old ones fall silent
   * @returns why that was not possible; then everything is heard as before
   * @throws {Error} that of `meanwhile`; then everything is heard as before, too
   */
  async change(ways: readonly WayOfHearing[], meanwhile: () => Promise<void>): Promise<string | undefined> {
    const wanted = new Set(ways.map(({ key }) => key));
    const old = [...this.#running.values()].filter(({ way }) => !wanted.has(way.key));
    const added = ways.filter(({ key }) => !this.#running.has(key));
    const inTheWay = old.filter(({ way }) => way.holds !== undefined && added.some(({ holds }) => holds === way.holds));
    await this.#close(inTheWay);
    if (this.#isOver) return IS_OVER;
    if (added.length > 0) this.#overlap.begin();
    const opened = added.map((way) => this.#open(way));
    this.#opened = opened;
    let isDone = false;
    try {
      const failures = await Promise.all(opened.map(({ ready }) => ready));
      if (this.#isOver) return IS_OVER;
      const failure = failures.find((end) => end !== undefined);
      if (failure !== undefined) return failure.kind === "failed" ? failure.text : "a source ended as soon as it was opened";
      await meanwhile();
      isDone = true;
    } finally {
      this.#opened = [];
      if (isDone) await this.#replace(old, opened);
      else await this.#giveUp(opened, inTheWay);
      this.#overlap.end(Date.now() / 1000);
    }
    return undefined;
  }

  async #replace(old: readonly Running[], opened: readonly Running[]): Promise<void> {
    for (const running of opened) this.#adopt(running);
    await this.#close(old);
  }

  async #giveUp(opened: readonly Running[], closed: readonly Running[]): Promise<void> {
    await this.#close(opened);
    if (!this.#isOver) for (const { way } of closed) this.#adopt(this.#open(way));
  }

  #open(way: WayOfHearing): Running {
    let listener: Listener;
    try {
      listener = way.open(this.#options);
    } catch (error) {
      const end: ListenerEnd = { kind: "failed", text: messageOf(error) };
      return { way, listener: { run: async () => end, close() {} }, ended: Promise.resolve(end), ready: Promise.resolve(end) };
    }
    let setReady: (failure: undefined) => void;
    const isReady = new Promise<undefined>((resolve) => (setReady = resolve));
    const ended = listener.run(() => setReady(undefined));
    return { way, listener, ended, ready: Promise.race([isReady, ended]) };
  }

  /** From now on its end counts. */
  #adopt(running: Running): void {
    const { key } = running.way;
    this.#running.set(key, running);
    void running.ended.then((end) => {
      // One that a change replaced has nothing to say any more.
      if (this.#running.get(key) !== running) return;
      this.#running.delete(key);
      if (end.kind === "failed" || isLimitReached(this.#options) || this.#running.size === 0) this.#finish(end);
    });
  }

  async #close(ways: readonly Running[]): Promise<void> {
    for (const running of ways) if (this.#running.get(running.way.key) === running) this.#running.delete(running.way.key);
    await Promise.all(ways.map(({ listener }) => listener.close()));
  }
}
