/**
 * Asks for a secret on the controlling terminal, without echo.
 *
 * @module
 */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import { type Bytes, utf8Bytes } from "../../bytes.ts";
import { codeOf } from "../system-error.ts";
import { ClientError } from "./output.ts";

/** Exit status after Ctrl-C, as a shell reports it. */
const INTERRUPTED_STATUS = 130;

/** No answer came. */
export class PromptError extends ClientError {
  /** There is no terminal, or it went away; or the user pressed Ctrl-C. */
  readonly code: "NO_TERMINAL" | "INTERRUPTED";

  constructor(message: string, code: PromptError["code"], cause?: unknown) {
    super(message, { cause, ...(code === "INTERRUPTED" && { exitStatus: INTERRUPTED_STATUS }) });
    this.name = "PromptError";
    this.code = code;
  }
}

/** The C program's limit; what is typed beyond it is not taken. */
const MAX_SECRET_BYTES = 127;

const INTERRUPT = 3;
const END_OF_TRANSMISSION = 4;
const BACKSPACE = 8;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const KILL_LINE = 21;
const DELETE = 127;

/** What ends us while the terminal does not echo. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Prints a label and reads a line that is not shown. Backspace takes back a whole UTF-8 character,
 * Ctrl-U all of them. Works with stdin and stdout redirected.
 *
 * @param label the question, printed as it is
 * @returns the bytes typed before Enter, at most 127, none after Ctrl-D; the caller wipes them
 * @throws PromptError when there is no terminal or Ctrl-C was pressed; the terminal is restored
 */
export function promptSecret(label: string): Promise<Bytes> {
  let fd: number;
  try {
    fd = openSync("/dev/tty", constants.O_RDWR | constants.O_NOCTTY);
  } catch (error) {
    return Promise.reject(noTerminal(error));
  }
  let terminal: ReadStream;
  try {
    terminal = new ReadStream(fd);
  } catch (error) {
    closeSync(fd);
    return Promise.reject(noTerminal(error));
  }
  return new Promise((resolve, reject) => {
    const line = new SecretLine();
    const restore = (): void => {
      terminal.setRawMode(false);
    };
    const finish = (): void => {
      restore();
      writeSync(fd, "\n");
      process.removeListener("exit", restore);
      for (const signal of SIGNALS) process.removeListener(signal, onSignal);
      terminal.destroy();
    };
    const onSignal = (signal: NodeJS.Signals): void => {
      finish();
      line.wipe();
      process.kill(process.pid, signal); // now with its usual effect
    };
    const fail = (error: PromptError): void => {
      finish();
      line.wipe();
      reject(error);
    };
    process.once("exit", restore);
    for (const signal of SIGNALS) process.once(signal, onSignal);
    terminal.setRawMode(true); // before the label: what is typed after it must not show
    writeSync(fd, utf8Bytes(label));
    terminal.once("end", () => fail(noTerminal(undefined)));
    terminal.once("error", (error) => fail(noTerminal(error)));
    terminal.on("data", (chunk: Uint8Array) => {
      const end = line.type(chunk);
      chunk.fill(0);
      if (end === undefined) return;
      terminal.removeAllListeners("data");
      if (end === "interrupted") {
        fail(new PromptError("Interrupted", "INTERRUPTED"));
        return;
      }
      finish();
      resolve(line.take());
    });
  });
}

/** A line being typed. */
class SecretLine {
  readonly #bytes = new Uint8Array(MAX_SECRET_BYTES);
  #length = 0;

  /** Takes what was typed. What follows the end in the same chunk is dropped, as a terminal's flush would. */
  type(chunk: Uint8Array): "done" | "interrupted" | undefined {
    for (const byte of chunk) {
      switch (byte) {
        case LINE_FEED:
        case CARRIAGE_RETURN:
          return "done";
        case INTERRUPT:
          return "interrupted";
        case END_OF_TRANSMISSION:
          if (this.#length === 0) return "done";
          break;
        case KILL_LINE:
          this.wipe();
          break;
        case BACKSPACE:
        case DELETE:
          this.#dropCharacter();
          break;
        default:
          if (this.#length < MAX_SECRET_BYTES) this.#bytes[this.#length++] = byte;
      }
    }
    return undefined;
  }

  #dropCharacter(): void {
    let byte: number;
    do {
      if (this.#length === 0) return;
      byte = this.#bytes[--this.#length]!;
      this.#bytes[this.#length] = 0;
    } while ((byte & 0xc0) === 0x80); // RFC 3629 §3: a continuation; its first byte goes too
  }

  /** A copy of the line, which belongs to the caller; our own is wiped. */
  take(): Bytes {
    const copy = this.#bytes.slice(0, this.#length);
    this.wipe();
    return copy;
  }

  wipe(): void {
    this.#bytes.fill(0);
    this.#length = 0;
  }
}

function noTerminal(cause: unknown): PromptError {
  const code = codeOf(cause);
  const why = code === undefined ? "" : ` (/dev/tty: ${code})`;
  return new PromptError(`getpasswd() key error. There is no terminal to ask on${why}; give the key on a descriptor (--stdin, --fd) or in a file`, "NO_TERMINAL", cause);
}
