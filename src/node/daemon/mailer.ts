/**
 * Sends mail about grants and refusals, as fwknop 1.9 did: through sendmail, or mail where that is missing. One at a
 * time, so many an hour, and nobody waits for it.
 *
 * @module
 */

import { hostname } from "node:os";
import type { DaemonConfig } from "../../config/daemon-config.ts";
import { alertOf, alertSubject, formatMail } from "../../server/alerts.ts";
import type { LogFunction, LogRecord } from "../../server/log-record.ts";
import { findProgram } from "../find-program.ts";
import { failureText, run } from "../run.ts";

/** Mails that may wait for the program; what comes beyond is counted and told in the next one. */
const MAX_WAITING = 50;
/** Mails within a window. A flood of knocks shall not fill a mailbox. */
const MAX_MAILS = 60;
const WINDOW_MS = 3_600_000;
/** Limit for the program, milliseconds. */
const TIMEOUT_MS = 30_000;
/** How long the mails of the last moments may take at the end, milliseconds. */
const LAST_MAILS_MS = 1500;

/** The program that takes the mail, and how it takes it. */
interface Transport {
  readonly argv: (subject: string, addresses: readonly string[]) => readonly [string, ...string[]];
  readonly takesHeaders: boolean;
}

function findTransport({ sendmailCmd, mailCmd }: DaemonConfig): Transport | undefined {
  const sendmail = findProgram(sendmailCmd);
  if (sendmail !== undefined) return { argv: () => [sendmail, "-t"], takesHeaders: true };
  const mail = findProgram(mailCmd);
  return mail === undefined ? undefined : { argv: (subject, addresses) => [mail, "-s", subject, ...addresses], takesHeaders: false };
}

/** Mails what is worth it. */
export class Mailer {
  readonly #log: LogFunction;
  readonly #now: () => number;
  readonly #waiting: string[] = [];
  #config: DaemonConfig;
  #transport: Transport | undefined;
  #sending: Promise<void> | undefined;
  #windowStart = -Infinity;
  #sentInWindow = 0;
  #left = 0;
  #failed = false;
  /** Ends the program that does not end by itself. */
  readonly #end = new AbortController();

  /**
   * @param config whom to write to, by which program
   * @param log takes the mailer's own troubles; must not lead back to {@link take}
   * @param now a monotonic clock, milliseconds
   */
  constructor(config: DaemonConfig, log: LogFunction, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
    this.#config = config;
    this.reconfigure(config);
  }

  /** Takes a new configuration; mails that wait go where it says. */
  reconfigure(config: DaemonConfig): void {
    this.#config = config;
    this.#failed = false;
    this.#transport = this.#isWanted ? findTransport(config) : undefined;
    if (this.#isWanted && this.#transport === undefined) {
      this.#log({ level: "warning", message: `No mail is sent to EMAIL_ADDRESSES: there is neither ${config.sendmailCmd} (sendmailCmd) nor ${config.mailCmd} (mailCmd)` });
    }
  }

  get #isWanted(): boolean {
    const { EMAIL_ADDRESSES: addresses, ALERTING_METHODS: methods } = this.#config;
    return addresses.length > 0 && methods.email;
  }

  /**
   * Mails an event if it is worth it. Returns at once.
   *
   * @param record the event
   */
  take(record: LogRecord): void {
    if (this.#transport === undefined) return;
    const { ALERTING_METHODS: methods, HOSTNAME: host = hostname() } = this.#config;
    const alert = alertOf(record, methods.verbose);
    if (alert === undefined) return;
    if (!this.#admit()) {
      this.#left++;
      return;
    }
    this.#waiting.push(alertSubject(alert, host));
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined));
  }

  /** Waits a moment for the mails that are under way, then gives them up. */
  async stop(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, LAST_MAILS_MS)));
    await Promise.race([this.#sending, patience]);
    clearTimeout(timer);
    this.#waiting.length = 0;
    this.#end.abort();
  }

  #admit(): boolean {
    const now = this.#now();
    if (now - this.#windowStart >= WINDOW_MS) {
      this.#windowStart = now;
      this.#sentInWindow = 0;
    }
    if (this.#waiting.length >= MAX_WAITING || this.#sentInWindow >= MAX_MAILS) return false;
    this.#sentInWindow++;
    return true;
  }

  async #send(): Promise<void> {
    for (let subject = this.#waiting.shift(); subject !== undefined; subject = this.#waiting.shift()) {
      const { EMAIL_ADDRESSES: addresses } = this.#config;
      const transport = this.#transport;
      if (transport === undefined) return;
      const body = this.#left === 0 ? "" : `${this.#left} more events were not mailed; the log has them.\n`;
      this.#left = 0;
      const result = await run(transport.argv(subject, addresses), {
        input: transport.takesHeaders ? formatMail(addresses, subject, body) : body,
        timeoutMs: TIMEOUT_MS,
        maxOutputBytes: 1000,
        signal: this.#end.signal,
      });
      if (!result.ok && !this.#failed) {
        this.#failed = true; // told once, not for each mail
        this.#log({ level: "warning", message: `Mail to ${addresses.join(", ")} could not be sent by ${result.argv[0]}: ${failureText(result)}` });
      }
    }
  }
}
