/**
 * Commands that packets set off: those that a packet carries, and an administrator's pairs of open and close commands.
 * Argument vectors, never a shell; each has a time limit; the packet path waits for none.
 *
 * @module
 */

import { setMaxListeners } from "node:events";
import { commandText } from "../../command-text.ts";
import type { AccessStanza } from "../../config/access-config.ts";
import type { DaemonConfig } from "../../config/daemon-config.ts";
import { Ledger, type Timed } from "../../expiry.ts";
import type { PortSpec } from "../../firewall/grant.ts";
import { formatIp } from "../../ip.ts";
import { cycleValues, expandCommand, externalValues, MAX_WORDS, splitCommand } from "../../server/command-template.ts";
import type { LogFunction, LogRecord } from "../../server/log-record.ts";
import { packetFields, senderText } from "../../server/trail.ts";
import type { Commanded, Cycled } from "../../server/verdict.ts";
import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import { type CommandEnding, type Identity, runCommand, wrapCommand } from "./command.ts";

/** A close command that waits for its time; no two are one, for each repetition of a request is a close of its own. */
interface PendingClose extends Timed {
  readonly run: () => Promise<void>;
}

/** How a stanza's pair of commands is named in the log, built and limited. */
interface Pair {
  readonly name: "CMD_CYCLE" | "EXTERNAL_CMD";
  readonly open: string;
  readonly close: string | undefined;
  readonly timeoutSeconds: number;
}

/** Runs commands and keeps the closes that are due later. */
export class PacketCommands {
  readonly #log: LogFunction;
  readonly #clock: Clock;
  readonly #pending = new Ledger<PendingClose>();
  #scheduled = 0;
  /** Stands at the next close. */
  #alarm: ReturnType<Clock["alarm"]> | undefined;
  /** Commands of packets and closes that are under way; the end waits for them. */
  readonly #running: Set<Promise<void>> = new Set();
  /** Ends what opens something, or was brought by a packet; what closes is let finish. */
  readonly #end = new AbortController();
  #config: DaemonConfig;

  constructor(config: DaemonConfig, log: LogFunction, clock: Clock = SYSTEM_CLOCK) {
    this.#config = config;
    this.#log = log;
    this.#clock = clock;
    setMaxListeners(0, this.#end.signal); // as many as there are commands
  }

  /** Takes a new configuration; closes that wait stay. */
  reconfigure(config: DaemonConfig): void {
    this.#config = config;
  }

  /** LOCALE, for what commands print. */
  get #environment(): Readonly<Record<string, string>> {
    const { LOCALE: locale } = this.#config;
    return locale === undefined ? {} : { LC_ALL: locale };
  }

  /** Runs the command that a packet carried (ENABLE_CMD_EXEC). */
  runCommand(verdict: Commanded, stanza: AccessStanza): Promise<void> {
    return this.#track(this.#runCommand(verdict, stanza));
  }

  /** Runs a stanza's open command for each port, and its close command when the time is over. */
  runCycle(verdict: Cycled, stanza: AccessStanza): Promise<void> {
    return this.#track(this.#runCycle(verdict, stanza));
  }

  /** Ends the commands that still run, and runs every close that is still waiting: nothing stays open behind a daemon that has left. */
  async stop(): Promise<void> {
    this.#alarm?.close();
    this.#end.abort();
    await Promise.all(this.#running);
    await this.#close([...this.#pending.items.values()]);
  }

  readonly #trace = (message: string): void => this.#log({ level: "debug", detail: 2, message });

  #track(act: Promise<void>): Promise<void> {
    const tracked = act.finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
    return tracked;
  }

  async #runCommand(verdict: Commanded, stanza: AccessStanza): Promise<void> {
    const who = whoOf(verdict);
    this.#log({ level: "info", message: `${who} Processing SPA Command message: command='${verdict.command}'.` });
    const argv = splitCommand(verdict.command);
    if (argv === undefined) {
      this.#tellFailure(verdict, `run_extcmd(): Error converting cmd str to argv via strtoargv(): expected 1..${MAX_WORDS} words; command returned -6`, "words");
      return;
    }
    const identity = this.#identity(stanza);
    const running = identity.kind === "sudo" ? commandText(wrapCommand(argv, identity, undefined).argv) : verdict.command;
    this.#log({ level: "info", message: `${who} Running command '${running}'${identityText(stanza)}` });
    const result = await runCommand(argv, { identity, timeoutMs: this.#config.CMD_EXEC_TIMEOUT * 1000, signal: this.#end.signal, env: this.#environment, trace: this.#trace });
    const told = tellResult(result);
    const message = `${who} CMD_EXEC: ${told.text} (${bySender(verdict)})${told.output}`;
    this.#log({ level: told.level, message, fields: { ...fieldsOf(verdict), command: verdict.command, ...told.fields } });
  }

  async #runCycle(verdict: Cycled, stanza: AccessStanza): Promise<void> {
    const pair = pairOf(stanza, this.#config);
    const who = whoOf(verdict);
    const prefix = this.#config.ENABLE_EXT_CMD_PREFIX ? this.#config.EXT_CMD_PREFIX : "";
    const failed: string[] = [];
    for (const port of verdict.ports) {
      if (this.#end.signal.aborted) {
        failed.push(portText(port));
        continue;
      }
      const isCycle = pair.name === "CMD_CYCLE";
      const values = isCycle ? cycleValues(verdict, port) : externalValues(verdict, port, stanza.texts, prefix);
      const expand = (template: string) => expandCommand(template, values, isCycle ? "drop" : "keep");
      const open = expand(pair.open);
      const close = pair.close === undefined ? undefined : expand(pair.close);
      if (open === undefined || (pair.close !== undefined && close === undefined)) {
        this.#tellFailure(verdict, `Could not build ${pair.name}_OPEN command.`, "words");
        return;
      }
      this.#log({ level: "info", message: `${who} Running ${pair.name}_OPEN command: ${commandText(open)}` });
      if (close !== undefined) {
        this.#log({ level: "info", message: `${who} Running ${pair.name}_CLOSE command in ${verdict.lifetimeSeconds} seconds: ${commandText(close)}` });
        this.#schedule(verdict, stanza, pair, close);
      }
      const result = await runCommand(open, { identity: { kind: "self" }, timeoutMs: pair.timeoutSeconds * 1000, signal: this.#end.signal, env: this.#environment, trace: this.#trace });
      this.#tellRun(`${who} ${pair.name}_OPEN`, result, { source: formatIp(verdict.packetSource), stanza: verdict.stanza, command: commandText(open) });
      if (result.exitStatus !== 0) failed.push(portText(port));
    }
    this.#tellCycle(verdict, pair, failed);
  }

  /** The final line about a packet that set off open commands. */
  #tellCycle(verdict: Cycled, { name, close }: Pair, failed: readonly string[]): void {
    const expiresAt = Math.floor(Date.now() / 1000) + verdict.lifetimeSeconds;
    const [address, ports] = [formatIp(verdict.source), verdict.ports.map(portText).join(",")];
    const end = close === undefined ? "" : ` for ${verdict.lifetimeSeconds} s, expires at ${expiresAt}`;
    const message = `${whoOf(verdict)} Ran ${name}_OPEN for ${ports} of ${address}${end} (${bySender(verdict)})${failed.length === 0 ? "" : `, which failed for ${failed.join(",")}`}`;
    const reason = failed.length > 0 && { reason: `failed for ${failed.join(",")}` };
    this.#log({
      level: failed.length === 0 ? "info" : "warning", message,
      fields: { ...fieldsOf(verdict), address, ports, ...(close !== undefined && { expiresAt }), ...reason },
    });
  }

  #schedule(verdict: Cycled, stanza: AccessStanza, pair: Pair, argv: readonly [string, ...string[]]): void {
    const who = `[${formatIp(verdict.source)}] (stanza #${stanza.number})`;
    const run = async (): Promise<void> => {
      this.#log({ level: "info", message: `${who} Timer expired, running ${pair.name}_CLOSE command: ${commandText(argv)}` });
      const result = await runCommand(argv, { identity: { kind: "self" }, timeoutMs: pair.timeoutSeconds * 1000, env: this.#environment, trace: this.#trace });
      this.#tellRun(`${who} ${pair.name}_CLOSE`, result, { source: formatIp(verdict.source), stanza: stanza.number, command: commandText(argv) });
    };
    const now = this.#clock.read();
    this.#pending.put({ key: String(this.#scheduled++), expiresAt: now.wallMs / 1000 + verdict.lifetimeSeconds, run }, now);
    this.#setAlarm();
  }

  #setAlarm(): void {
    const now = this.#clock.read();
    const nextMs = this.#pending.nextDueMs(now);
    this.#alarm ??= this.#clock.alarm(() => {
      void this.#close(this.#pending.due(this.#clock.read()));
      this.#setAlarm();
    });
    this.#alarm.set(nextMs === undefined ? undefined : now.wallMs + nextMs);
  }

  async #close(due: readonly PendingClose[]): Promise<void> {
    for (const { key } of due) this.#pending.remove(key);
    await Promise.all(due.map(({ run }) => this.#track(run())));
  }

  #identity(stanza: AccessStanza): Identity {
    if (stanza.ENABLE_CMD_SUDO_EXEC) {
      const { CMD_SUDO_EXEC_USER: user, CMD_SUDO_EXEC_GROUP: group } = stanza;
      return { kind: "sudo", program: this.#config.SUDO_EXE, ...(user && { user: user.name }), ...(group && { group: group.name }) };
    }
    const { CMD_EXEC_USER: user, CMD_EXEC_GROUP: group } = stanza;
    return user === undefined ? { kind: "self" } : { kind: "user", user, ...(group && { group }) };
  }

  #tellRun(who: string, result: CommandEnding, about: NonNullable<LogRecord["fields"]>): void {
    const { level, text, output, fields } = tellResult(result);
    this.#log({ level, message: `${who}: ${text}${output}`, fields: { ...about, ...fields } });
  }

  /** The final line about a packet of which no command could be made. */
  #tellFailure(verdict: Commanded | Cycled, text: string, reason: string): void {
    this.#log({ level: "error", message: `${whoOf(verdict)} ${text} (${bySender(verdict)})`, fields: { ...fieldsOf(verdict), verdict: "failed", reason } });
  }
}

/** How a command ended, in C's words and for programs. */
function tellResult({ startError, timedOut, exitStatus, signal, output }: CommandEnding): Pick<LogRecord, "level"> & { readonly text: string; readonly output: string; readonly fields: NonNullable<LogRecord["fields"]> } {
  if (startError !== undefined) {
    return { level: "error", text: `run_extcmd(): execvp() failed: ${startError}: command returned 0, pid_status: 255`, output: "", fields: { reason: startError } };
  }
  const status = timedOut ? "killed at its time limit" : (exitStatus ?? `ended by ${signal}`);
  return {
    level: exitStatus === 0 ? "info" : "warning",
    text: `command returned 0, pid_status: ${status}`,
    output: output === "" ? "" : `: ${output}`,
    fields: { exitStatus: exitStatus ?? null },
  };
}

function whoOf({ packetSource, stanza }: Commanded | Cycled): string {
  return `[${formatIp(packetSource)}] (stanza #${stanza})`;
}

function bySender({ message, arrivedAt }: Commanded | Cycled): string {
  return senderText(message, arrivedAt);
}

function portText({ protocol, port }: PortSpec): string {
  return `${protocol}/${port}`;
}

function fieldsOf(verdict: Commanded | Cycled): NonNullable<LogRecord["fields"]> {
  return { ...packetFields({ source: verdict.packetSource }, verdict.arrivedAt, verdict), verdict: verdict.kind };
}

function pairOf(stanza: AccessStanza, config: DaemonConfig): Pair {
  if (stanza.CMD_CYCLE_OPEN !== undefined) {
    return { name: "CMD_CYCLE", open: stanza.CMD_CYCLE_OPEN, close: stanza.CMD_CYCLE_CLOSE, timeoutSeconds: config.CMD_EXEC_TIMEOUT };
  }
  return { name: "EXTERNAL_CMD", open: stanza.EXTERNAL_CMD_OPEN!, close: stanza.EXTERNAL_CMD_CLOSE, timeoutSeconds: stanza.EXTERNAL_CMD_ALARM };
}

function identityText({ CMD_EXEC_USER: user, CMD_EXEC_GROUP: group }: AccessStanza): string {
  return user === undefined ? "" : ` setuid/setgid user/group to ${user.name}/${group?.name ?? user.name} (UID=${user.uid},GID=${group?.gid ?? user.gid})`;
}
