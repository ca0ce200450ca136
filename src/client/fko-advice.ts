/**
 * What a user can change when libfko's words name only the field.
 *
 * @module
 */

const ADVICE: Readonly<Record<number, string>> = {
  51: "ask for less",
  59: "expected a packet of at most 1500 characters: smaller keys behind --gpg-recipient-key and --gpg-signer-key make one",
  68: "--key-len takes 1 to 32",
  88: "--time-offset-plus or --time-offset-minus leads out of the range of time",
  90: "--spoof-user, or the login name, begins with a character that servers refuse",
  91: "--spoof-user, or the login name, holds a character that servers refuse",
  94: "--server-auth takes at most 63 bytes",
  95: "the encryption key has more than 32 bytes, see --key-rijndael",
};

/**
 * Names the option behind a libfko error.
 *
 * @param code the error's number
 * @returns a few words, or undefined
 */
export function adviceOnFkoError(code: number): string | undefined {
  return ADVICE[code];
}
