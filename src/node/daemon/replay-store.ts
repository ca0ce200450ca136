/**
 * The replay memory on the disk. Refuses to start without it: a daemon that cannot remember would accept a packet twice.
 *
 * @module
 */

import { renameSync } from "node:fs";
import { utf8Text } from "../../bytes.ts";
import type { LogFunction } from "../../server/log-record.ts";
import { formatReplayLine, parseReplayFile, REPLAY_HEADER, type ReplayEntry, ReplayMemory } from "../../server/replay.ts";
import { FileError, kindOfPath, readOwnFile } from "../files.ts";
import { codeOf, reasonOf } from "../system-error.ts";
import { type AppendCalls, AppendError, AppendFile } from "./append-file.ts";

/** Largest cache that is read, bytes: some millions of packets. */
const MAX_CACHE_BYTES = 500 * 1024 * 1024;

/** How the store is opened. */
export interface ReplayStoreOptions {
  /** DIGEST_FILE. */
  readonly path: string;
  readonly log: LogFunction;
  /** Files of an older version, which are only read; where they exist. */
  readonly older?: readonly string[];
  /** Set the old file aside as `PATH-old` (`--rotate-digest-cache`). */
  readonly rotate: boolean;
  /** The calls to the system; a test puts failing ones in their place. */
  readonly calls?: AppendCalls;
}

/** The memory and the file behind it. */
export class ReplayStore {
  /** What must not be accepted again. */
  readonly memory: ReplayMemory = new ReplayMemory();
  readonly #path: string;
  readonly #log: LogFunction;
  readonly #calls: AppendCalls | undefined;
  #file: AppendFile;
  #isBroken = false;
  /** What the disk did not take; it is offered again with what comes next. */
  #unwritten: ReplayEntry[] = [];

  /**
   * Reads the file, makes it when it is absent, and keeps it open for appending.
   *
   * @param options where, and whether to begin anew
   * @throws {FileError} when the file can be neither read nor made
   * @throws {AppendError} when its header cannot be written
   */
  static async open(options: ReplayStoreOptions): Promise<ReplayStore> {
    if (options.rotate) rotate(options);
    const entries = [options.path, ...(options.older ?? [])].flatMap((path) => (kindOfPath(path) === undefined ? [] : readEntries(path, options)));
    const store = new ReplayStore(options, AppendFile.open(options.path, options.calls));
    for (const entry of entries) store.memory.add(entry);
    if (store.#file.initialLength === 0) await store.#file.append(REPLAY_HEADER);
    return store;
  }

  /** What is said of it at the start. */
  get summary(): string {
    return `Using Digest Cache: '${this.#path}' (entry count = ${this.memory.size})`;
  }

  private constructor({ path, log, calls }: ReplayStoreOptions, file: AppendFile) {
    this.#path = path;
    this.#log = log;
    this.#calls = calls;
    this.#file = file;
  }

  /**
   * Puts entries on the disk, with those that it did not take before. When the disk fails the daemon goes on with its
   * memory, which is as good until it ends, and says so.
   *
   * @param entries what was accepted; already in {@link memory}
   */
  async remember(entries: readonly ReplayEntry[]): Promise<void> {
    const batch = [...this.#unwritten.splice(0), ...entries];
    try {
      const lines = this.#isBroken ? this.#reopen(batch) : batch.map(formatReplayLine);
      await Promise.all(lines.map((line) => this.#file.append(line)));
    } catch (error) {
      if (!(error instanceof AppendError || error instanceof FileError)) throw error;
      this.#isBroken ||= error instanceof AppendError && error.final;
      this.#unwritten.push(...batch);
      this.#log({ level: "error", message: `Could not add digest to replay cache: Could not open digest cache: ${this.#path}: ${error.message}; remembered until the daemon ends or the disk takes it` });
    }
  }

  /**
   * After a failed sync the system may have forgotten what was written, and somebody may have taken the file away: it is
   * opened again.
   *
   * @returns the lines that it lacks
   */
  #reopen(batch: readonly ReplayEntry[]): readonly string[] {
    this.#file = AppendFile.open(this.#path, this.#calls);
    this.#isBroken = false;
    if (this.#file.initialLength > 0) return batch.map(formatReplayLine);
    return [REPLAY_HEADER, ...Array.from(this.memory.entries, formatReplayLine)];
  }

  /** Waits for what is under way, offers the disk once more what it did not take, and closes the file. */
  async close(): Promise<void> {
    if (this.#unwritten.length > 0) await this.remember([]);
    await this.#file.close();
  }
}

function rotate({ path, log }: ReplayStoreOptions): void {
  log({ level: "info", message: "Rotating digest cache file." });
  try {
    renameSync(path, `${path}-old`);
  } catch (error) {
    const level = codeOf(error) === "ENOENT" ? "info" : "error";
    log({ level, message: `Unable to rename digest file: ${path} to ${path}-old: ${reasonOf(error)}` });
  }
}

function readEntries(path: string, { log }: ReplayStoreOptions): readonly ReplayEntry[] {
  const { bytes, problems } = readOwnFile(path, { maxBytes: MAX_CACHE_BYTES, kind: "digest cache" });
  for (const problem of problems) log({ level: "warning", message: problem.message });
  const { entries, bad } = parseReplayFile(utf8Text(bytes) ?? new TextDecoder("latin1").decode(bytes));
  for (const { line, text } of bad.slice(0, 20)) log({ level: "info", message: `*Skipping invalid digest file entry in ${path} at line ${line}. - ${text}` });
  if (bad.length > 20) log({ level: "info", message: `*Skipping ${bad.length - 20} more invalid digest file entries in ${path}` });
  return entries;
}
