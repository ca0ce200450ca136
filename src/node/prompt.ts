/**
 * Asks for a secret on the controlling terminal, without echo.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";

/** No answer: there is no terminal, or the user ended it with Ctrl-C. */
export declare class PromptError extends Error {
  readonly code: "NO_TERMINAL" | "INTERRUPTED";
}
/** The bytes typed before Enter, at most 127 as in the C program; the caller wipes them. INTERRUPTED: exit with 130. */
export declare function promptSecret(label: string): Promise<Bytes>;
