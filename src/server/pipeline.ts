/**
 * The way of a datagram through the daemon: decide, tell, remember, act. Everything that has an effect is handed in.
 *
 * Deciding is synchronous, so a capture buffer may be reused as soon as {@link Pipeline.handle} returns. OpenPGP and passwords
 * alone take longer and are decided aside, on a copy. What follows a verdict runs on its own: the packet path waits neither for
 * gpg or crypt(3) nor for the disk nor for the firewall, unless too much of it is under way: that is the back-pressure.
 *
 * @module
 */

import { wipe } from "../bytes.ts";
import type { AccessStanza } from "../config/access-config.ts";
import { matchesAddressList } from "../config/address-list.ts";
import type { DaemonConfig } from "../config/daemon-config.ts";
import type { LoggedPacket } from "../firewall-log.ts";
import type { Grant } from "../firewall/grant.ts";
import { type IpAddress, networkStart, parseIp } from "../ip.ts";
import type { Datagram } from "../packet.ts";
import { decide } from "./decide.ts";
import { decideKnocks } from "./decide-knocks.ts";
import type { Deciding, DecisionAnswer, DecisionRequest } from "./decision-request.ts";
import { type GrantOutcome, tellGrant } from "./grant-record.ts";
import { KnockSequences } from "./knock-sequences.ts";
import { LogLimit } from "./log-limit.ts";
import type { LogFunction, LogRecord } from "./log-record.ts";
import { type ReadyStanza, readyStanza } from "./open-packet.ts";
import type { ReplayEntry, ReplayMemory } from "./replay.ts";
import type { Commanded, Cycled, Decision, Granted, RefusalReason } from "./verdict.ts";

/** What a pipeline does to the world. */
export interface PipelineEffects {
  readonly log: LogFunction;
  /** Unix time, seconds. */
  readonly now: () => number;
  /** A clock that never steps, milliseconds. */
  readonly monotonicMs: () => number;
  /** Puts accepted packets on the disk; resolves when they would survive a crash. */
  readonly remember: (entries: readonly ReplayEntry[]) => Promise<void>;
  /** Opens the firewall; never rejects. */
  readonly open: (grant: Grant) => Promise<GrantOutcome>;
  /** Resolves a NAT target's name to an address of the source's family. */
  readonly resolveHost: (name: string, version: 4 | 6) => Promise<IpAddress | undefined>;
  /** Does what a decision asks for; never rejects. */
  readonly answer: (request: DecisionRequest) => Promise<DecisionAnswer>;
  readonly runCommand: (verdict: Commanded, stanza: AccessStanza) => Promise<void>;
  readonly runCycle: (verdict: Cycled, stanza: AccessStanza) => Promise<void>;
}

/** What is decided by; replaced as a whole when the configuration is read again. */
export interface PipelineSettings {
  readonly config: DaemonConfig;
  readonly stanzas: readonly AccessStanza[];
  readonly testMode: boolean;
}

/** What became of the packets so far. */
export interface PipelineCounts {
  packets: number;
  granted: number;
  commands: number;
  readonly refused: Partial<Record<RefusalReason, number>>;
}

const isForKnocks = ({ SHARED_SEQUENCE, ENCRYPT_SEQUENCE }: AccessStanza): boolean => SHARED_SEQUENCE !== undefined || ENCRYPT_SEQUENCE;
const packetStanzas = ({ stanzas }: PipelineSettings): readonly ReadyStanza[] => stanzas.filter((stanza) => !isForKnocks(stanza)).map(readyStanza);
const knockStanzas = ({ stanzas }: PipelineSettings): readonly KnockSequences[] => stanzas.filter(isForKnocks).map((stanza) => new KnockSequences(stanza));
const NO_KEY = /* @__PURE__ */ new Uint8Array(0);
/** Acts that may be under way before the source has to wait. */
const MAX_UNDER_WAY = 1000;
/** Decisions that may wait for gpg or crypt(3) before the source has to wait: each is a process. */
const MAX_SLOW = 4;
/** Refusals of one reason that are logged within a minute; the rest is counted. */
const LOGGED_REFUSALS = { burst: 100, windowMs: 60_000 };

/** Takes datagrams, opens what they are entitled to. */
export class Pipeline {
  readonly counts: PipelineCounts = { packets: 0, granted: 0, commands: 0, refused: {} };
  readonly #effects: PipelineEffects;
  readonly #replay: ReplayMemory;
  readonly #limit: LogLimit = new LogLimit(LOGGED_REFUSALS);
  readonly #underWay: Set<Promise<void>> = new Set();
  /** Decisions that wait for an answer; the keys of the stanzas that they go by must last as long. */
  readonly #slow: Set<Promise<void>> = new Set();
  #retired: ReadyStanza[] = [];
  /** Numbers of the stanzas whose expiry was told; once is enough. */
  readonly #toldExpired: Set<number> = new Set();
  #settings: PipelineSettings;
  /** Those for packets. */
  #stanzas: readonly ReadyStanza[];
  /** Those for port knocking. */
  #sequences: readonly KnockSequences[];

  constructor(settings: PipelineSettings, replay: ReplayMemory, effects: PipelineEffects) {
    this.#effects = effects;
    this.#replay = replay;
    this.#settings = settings;
    this.#stanzas = packetStanzas(settings);
    this.#sequences = knockStanzas(settings);
  }

  /** Decides by another configuration from the next packet on; grants and replay memory stay, the keys of before are wiped. */
  reconfigure(settings: PipelineSettings): void {
    this.#retired.push(...this.#stanzas, ...this.#sequences.map(({ stanza }) => stanza));
    this.#wipeRetired();
    this.#settings = settings;
    this.#stanzas = packetStanzas(settings);
    this.#sequences = knockStanzas(settings);
    this.#toldExpired.clear();
  }

  /**
   * Handles one datagram.
   *
   * @param datagram may change as soon as this returns
   * @returns nothing when the next datagram may come at once
   */
  handle(datagram: Datagram): Promise<void> | undefined {
    this.counts.packets++;
    const stanzas = this.#stanzas;
    const step = this.#decide(datagram, stanzas).next();
    if (step.done !== true) return this.#decideAside(datagram, stanzas);
    this.#conclude(step.value, stanzas);
    return this.#underWay.size < MAX_UNDER_WAY ? undefined : Promise.race(this.#underWay);
  }

  /**
   * Takes a packet that the firewall tells of, as a knock.
   *
   * @param packet must not change afterwards
   * @returns nothing when the next one may come at once
   */
  handleKnock(packet: LoggedPacket): Promise<void> | undefined {
    const { config, testMode } = this.#settings;
    if (config.BLACKLIST !== undefined && matchesAddressList(config.BLACKLIST, packet.source)) return undefined;
    const at = this.#effects.monotonicMs() / 1000;
    const ended = this.#sequences.flatMap((sequences) => {
      const end = sequences.concerns(packet) ? sequences.hear(packet, at) : undefined;
      return end === undefined ? [] : [{ sequences, end }];
    });
    if (ended.length === 0) return undefined;
    this.counts.packets++;
    const step = decideKnocks(ended, packet, { config, testMode, replay: this.#replay, now: this.#effects.now() }).next();
    if (step.done !== true) return undefined; // never: knocks ask for nothing
    const { verdict } = step.value;
    if (verdict.kind !== "refused") ended.find(({ sequences }) => sequences.stanza.number === verdict.stanza)!.sequences.countGrant(packet.source);
    this.#conclude(step.value, this.#sequences.map(({ stanza }) => stanza));
    return this.#underWay.size < MAX_UNDER_WAY ? undefined : Promise.race(this.#underWay);
  }

  #decide(datagram: Datagram, stanzas: readonly ReadyStanza[]): Deciding<Decision> {
    const { config, testMode } = this.#settings;
    return decide(datagram, { config, testMode, stanzas, replay: this.#replay, now: this.#effects.now() });
  }

  /** Decides anew about a copy, while others are decided about. */
  #decideAside(datagram: Datagram, stanzas: readonly ReadyStanza[]): Promise<void> | undefined {
    const copy = ({ version, bytes }: IpAddress): IpAddress => ({ version, bytes: bytes.slice() });
    const steps = this.#decide({ ...datagram, payload: datagram.payload.slice(), source: copy(datagram.source), destination: copy(datagram.destination) }, stanzas);
    const slow = this.#decideSlowly(steps, stanzas).catch(this.#tellError).finally(() => {
      this.#slow.delete(slow);
      this.#wipeRetired();
    });
    this.#slow.add(slow);
    return this.#slow.size < MAX_SLOW ? undefined : Promise.race(this.#slow);
  }

  async #decideSlowly(steps: Deciding<Decision>, stanzas: readonly ReadyStanza[]): Promise<void> {
    let step = steps.next();
    while (step.done !== true) step = steps.next(await this.#effects.answer(step.value));
    this.#conclude(step.value, stanzas);
  }

  #wipeRetired(): void {
    if (this.#slow.size > 0) return;
    for (const { hmac, KEY = NO_KEY, HMAC_KEY = NO_KEY, GPG_DECRYPT_PW = NO_KEY } of this.#retired.splice(0)) {
      hmac?.wipe();
      wipe(KEY, HMAC_KEY, GPG_DECRYPT_PW);
    }
  }

  /** Waits until all that came has been decided. */
  async decided(): Promise<void> {
    while (this.#slow.size > 0) await Promise.all(this.#slow);
  }

  /** Waits until everything that was accepted has been acted upon. */
  async settle(): Promise<void> {
    await this.decided();
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Tells how many refusals were kept out of the log; to be called now and then, and at the end. */
  tellSuppressed(atEnd = false): void {
    const kept = atEnd ? this.#limit.flush() : this.#limit.collect(this.#effects.monotonicMs());
    for (const { kind, count } of kept) this.#effects.log({ level: "warning", message: `${count} more ${count === 1 ? "packet was" : "packets were"} refused (${kind ?? "various reasons"})`, fields: { reason: kind ?? "various", count } });
  }

  #conclude(decision: Decision, stanzas: readonly AccessStanza[]): void {
    const { verdict, notes, remember } = decision;
    for (const entry of remember) this.#replay.add(entry);
    if (verdict.kind === "refused") {
      this.counts.refused[verdict.reason] = (this.counts.refused[verdict.reason] ?? 0) + 1;
      const isTold = this.#limit.admit(verdict.reason, this.#effects.monotonicMs());
      if (isTold && this.#isOldNews(verdict.reason, verdict.stanza)) this.#tell([], { ...verdict.record, level: "debug" });
      else if (isTold) this.#tell(notes, verdict.record);
      if (remember.length > 0) this.#track(this.#effects.remember(remember));
      return;
    }
    this.#tell(notes);
    const stanza = stanzas.find(({ number }) => number === verdict.stanza)!;
    this.#track(this.#act(verdict, stanza, remember));
  }

  /** The expiry of a stanza is told once, not for each packet. */
  #isOldNews(reason: RefusalReason, stanza: number | undefined): boolean {
    if (reason !== "expired" || stanza === undefined) return false;
    if (this.#toldExpired.has(stanza)) return true;
    this.#toldExpired.add(stanza);
    return false;
  }

  #tell(notes: readonly LogRecord[], last?: LogRecord): void {
    for (const note of notes) this.#effects.log(note);
    if (last !== undefined) this.#effects.log(last);
  }

  #track(act: Promise<void>): void {
    const tracked = act.catch(this.#tellError).finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  readonly #tellError = (error: unknown): void => this.#effects.log({ level: "error", message: error instanceof Error ? error.message : String(error) });

  async #act(verdict: Granted | Commanded | Cycled, stanza: AccessStanza, remember: readonly ReplayEntry[]): Promise<void> {
    await this.#effects.remember(remember);
    if (verdict.kind === "command") {
      this.counts.commands++;
      return this.#effects.runCommand(verdict, stanza);
    }
    if (verdict.kind === "cycle") {
      this.counts.commands++;
      return this.#effects.runCycle(verdict, stanza);
    }
    const grant = await this.#toGrant(verdict);
    const outcome = grant === undefined
      ? { ok: false as const, reason: `Unable to resolve Hostname in NAT SPA message: ${verdict.nat?.host}` }
      : await this.#effects.open(grant);
    if (outcome.ok) this.counts.granted++;
    // However long the firewall took, it is told for how long the grant was given.
    const grantedAt = grant === undefined ? this.#effects.now() : grant.expiresAt - verdict.lifetimeSeconds;
    this.#effects.log(tellGrant(verdict, outcome, grantedAt));
  }

  /** Puts an address in the place of a NAT target's name; undefined when it has none. */
  async #toGrant(verdict: Granted): Promise<Grant | undefined> {
    const { ports, destination, withoutOutput, endsEarlier, nat, once, sourcePrefix } = verdict;
    const source = sourcePrefix === undefined ? verdict.source : networkStart(verdict.source, sourcePrefix);
    const host = nat === undefined ? undefined : (parseIp(nat.host) ?? (await this.#effects.resolveHost(nat.host, source.version)));
    if (nat !== undefined && host === undefined) return undefined;
    return {
      source,
      ports,
      expiresAt: Math.floor(this.#effects.now()) + verdict.lifetimeSeconds,
      ...(destination && { destination }),
      ...(withoutOutput && { withoutOutput }),
      ...(endsEarlier && { endsEarlier }),
      ...(sourcePrefix !== undefined && { sourcePrefix }),
      ...(once && { once }),
      ...(nat && host && { nat: { ...nat, address: host } }),
    };
  }
}
