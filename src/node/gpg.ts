/**
 * OpenPGP through the installed GnuPG 2.
 *
 * @module
 */
import { type Bytes, wipe } from "../bytes.ts";
import { printableText } from "../foreign-text.ts";
import { type GpgRefusal, type GpgSignature, parseGpgStatus } from "../gpg-status.ts";
import { runBytes, type RunBytesResult } from "./run.ts";

export type { GpgSignature, GpgValidity } from "../gpg-status.ts";

/** Which gpg, which key ring, and how it gets the passphrase. */
export interface GpgSettings {
  /** Program; `gpg` when absent. */
  readonly exe?: string;
  /** GNUPGHOME; that of the environment, else gpg's default when absent. */
  readonly home?: string;
  /** Passphrase bytes, which the caller wipes; empty when absent. Not used with `useAgent`. */
  readonly passphrase?: Uint8Array;
  /** gpg-agent knows the passphrase, or asks the user for it. */
  readonly useAgent?: boolean;
  /** For one run of gpg; 10 seconds when absent, 120 with `useAgent`, which may wait for the user. */
  readonly timeoutMs?: number;
  /** Whether gpg leaves its gpg.conf unread. */
  readonly withoutConfig?: boolean;
  /** Makes gpg say more, and is given each of its lines, printable. */
  readonly onMessage?: (line: string) => void;
  /** Ends gpg before. */
  readonly signal?: AbortSignal;
}

/** What to encrypt for whom. */
export interface EncryptAndSignOptions extends GpgSettings {
  readonly plaintext: Uint8Array;
  /** Key id, fingerprint or user id, as gpg takes them. */
  readonly recipient: string;
  /** Whose key signs; not signed when absent. */
  readonly signer?: string;
  /** Whether the key that gpg itself takes signs, when no signer is named. */
  readonly signByDefault?: boolean;
  /** Makes the message longer by about so many bytes, 255 at most; they are a file name, which nobody looks at (RFC 4880 §5.9). */
  readonly paddingLength?: number;
}

/** Why there is no result. */
export interface GpgFailure {
  readonly ok: false;
  readonly reason: GpgRefusal | "no-program" | "timeout" | "aborted";
  /** One line. */
  readonly message: string;
}

/** The message, binary. */
export interface GpgEncrypted {
  readonly ok: true;
  /** A fresh array. */
  readonly ciphertext: Bytes;
}

/** What was in the message, and who signed it. */
export interface GpgDecrypted {
  readonly ok: true;
  /** A fresh array, which the caller wipes. */
  readonly plaintext: Bytes;
  readonly signatures: readonly GpgSignature[];
}

/** A plaintext of the wire is below 1500 bytes; anything near this limit is a decompression bomb. */
const MAX_PLAINTEXT_BYTES = 64 * 1024;
const STATUS_FD = "3";
const PASSPHRASE_FD = "4";

/**
 * Encrypts to one recipient, whose key need not be certified, and signs.
 *
 * @param options plaintext, keys and key ring
 * @returns the OpenPGP message, or gpg's reason
 */
export async function encryptAndSign(options: EncryptAndSignOptions): Promise<GpgEncrypted | GpgFailure> {
  const { plaintext, recipient, signer, paddingLength = 0 } = options;
  if (recipient === "") return failure("no-public-key", "expected a recipient's key id or user id");
  const result = await runGpg(options, [
    "--trust-model", "always", "--no-encrypt-to", "--no-armor", "--no-throw-keyids", "--no-auto-key-locate",
    `--recipient=${recipient}`,
    ...(signer === undefined ? [] : [`--local-user=${signer}`]),
    ...(signer === undefined && !options.signByDefault ? [] : ["--sign"]),
    ...(paddingLength === 0 ? [] : ["--compress-algo", "none", `--set-filename=${"_".repeat(paddingLength)}`]),
    "--encrypt",
  ], plaintext);
  const unfinished = unfinishedFailure(options, result);
  if (unfinished !== undefined) return unfinished;
  const status = parseGpgStatus(textOf(result.outputs[0]!));
  if (result.status === 0 && status.isEncrypted && result.stdout.length > 0) return { ok: true, ciphertext: result.stdout };
  return failure(status.refusal, firstReason(result.stderr));
}

/**
 * Decrypts a message and checks its signatures. The caller decides whether the signatures suffice.
 *
 * @param options the binary message, and the key ring
 * @returns plaintext and signatures, or gpg's reason
 */
export async function decrypt(options: GpgSettings & { readonly ciphertext: Uint8Array }): Promise<GpgDecrypted | GpgFailure> {
  // RFC 4880 §4.2: the first packet's tag is 1, an encrypted session key. Anything else is not worth a process.
  const first = options.ciphertext[0] ?? 0;
  const tag = (first & 0xc0) === 0xc0 ? first & 0x3f : (first & 0xc0) === 0x80 ? (first & 0x3c) >> 2 : 0;
  if (tag !== 1) return failure("no-data", "no OpenPGP message encrypted to a key");
  const result = await runGpg(options, ["--no-auto-key-retrieve", "--max-output", String(MAX_PLAINTEXT_BYTES), "--decrypt"], options.ciphertext);
  const unfinished = unfinishedFailure(options, result);
  const status = parseGpgStatus(textOf(result.outputs[0]!));
  // At its limit gpg cuts the plaintext and still reports success.
  const isWhole = result.stdout.length < MAX_PLAINTEXT_BYTES;
  if (unfinished === undefined && status.isDecrypted && isWhole) return { ok: true, plaintext: result.stdout, signatures: status.signatures };
  wipe(result.stdout);
  if (unfinished !== undefined) return unfinished;
  if (!isWhole) return failure("failed", `plaintext of ${MAX_PLAINTEXT_BYTES} bytes or more`);
  return failure(status.refusal, firstReason(result.stderr));
}

/** What of our environment lets gpg-agent find the user's terminal or screen. */
const AGENT_ENVIRONMENT = ["GPG_TTY", "TERM", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "PINENTRY_USER_DATA"];

async function runGpg(settings: GpgSettings, args: readonly string[], input: Uint8Array): Promise<RunBytesResult> {
  const useAgent = settings.useAgent === true;
  const { onMessage } = settings;
  const result = await runBytes([
    settings.exe ?? "gpg", ...(settings.withoutConfig ? ["--no-options"] : []), ...(onMessage ? ["--verbose"] : []), "--batch", "--no-tty", "--utf8-strings", "--disable-dirmngr", "--status-fd", STATUS_FD,
    ...(useAgent ? [] : ["--pinentry-mode", "loopback", "--passphrase-fd", PASSPHRASE_FD]),
    "--output", "-", ...args,
  ], {
    input,
    descriptors: useAgent ? ["read"] : ["read", settings.passphrase ?? new Uint8Array(0)],
    cwd: ".", // both the program and GNUPGHOME may be relative to it
    env: {
      HOME: process.env["HOME"],
      GNUPGHOME: settings.home ?? process.env["GNUPGHOME"],
      ...(useAgent ? Object.fromEntries(AGENT_ENVIRONMENT.map((name) => [name, process.env[name]])) : {}),
    },
    timeoutMs: settings.timeoutMs ?? (useAgent ? 120_000 : 10_000),
    maxOutputBytes: 2 * MAX_PLAINTEXT_BYTES,
    killWhenFull: true,
    signal: settings.signal,
  });
  if (onMessage) for (const line of linesOf(result.stderr)) onMessage(printableText(line, 200));
  return result;
}

/** Undefined when gpg ran to its end, whatever it says. */
function unfinishedFailure(settings: GpgSettings, { startError, timedOut, aborted, truncated }: RunBytesResult): GpgFailure | undefined {
  if (startError !== undefined) {
    const exe = printableText(settings.exe ?? "gpg", 200);
    return failure("no-program", startError.code === "ENOENT" ? `expected GnuPG 2 as '${exe}', which is not there` : `'${exe}' cannot be started (${startError.code})`);
  }
  if (timedOut) return failure("timeout", "gpg did not end in time");
  if (aborted) return failure("aborted", "");
  if (truncated) return failure("failed", "gpg wrote more than a packet can hold");
  return undefined;
}

/** The words that the C programs print for the same. */
const WORDS: Readonly<Record<GpgFailure["reason"], string>> = {
  "no-program": "No program",
  "no-secret-key": "No secret key",
  "no-public-key": "No public key",
  "bad-passphrase": "Bad passphrase",
  "no-data": "No data",
  tampered: "Decryption failed",
  timeout: "Timeout",
  aborted: "Interrupted",
  failed: "General error",
};

function failure(reason: GpgFailure["reason"], detail: string): GpgFailure {
  return { ok: false, reason, message: detail === "" ? WORDS[reason] : `${WORDS[reason]} (${detail})` };
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function linesOf(bytes: Uint8Array): string[] {
  return textOf(bytes).split("\n").filter((line) => line !== "");
}

/** The first message that is more than a notice. */
function firstReason(stderr: Uint8Array): string {
  const lines = linesOf(stderr);
  const line = lines.find((candidate) => /failed|error|skipped|fatal|invalid|no valid/i.test(candidate)) ?? lines[0] ?? "";
  return printableText(line, 160);
}
