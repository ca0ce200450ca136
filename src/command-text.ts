/**
 * Commands as they could be typed again: for the log, for error messages, for dry runs.
 *
 * @module
 */

/**
 * Writes one word so that a shell reads it back as the same word.
 *
 * @param word any text
 * @returns the word, in quotes where it needs them; on one line, for control codes become `$'\n'` and the like
 */
export function quoteWord(word: string): string {
  if (/^[\w@%+:,./-][\w@%+=:,./-]*$/.test(word)) return word;
  return /[\0-\x1f\x7f]/.test(word) ? quoteControls(word) : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The quotes of bash, ksh, zsh and POSIX.1-2024 that know escapes. */
function quoteControls(text: string): string {
  const escaped = text
    .replace(/[\\']/g, "\\$&")
    .replaceAll("\n", "\\n")
    // Three octal digits, for a hexadecimal escape would swallow the digits after it in some shells.
    .replace(/[\0-\x1f\x7f]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
  return `$'${escaped}'`;
}

/**
 * Writes a command on one line.
 *
 * @param argv program and arguments
 * @param stdin what it reads
 * @returns text that bash would run the same way
 */
export function commandText(argv: readonly string[], stdin?: string): string {
  const words = argv.map(quoteWord).join(" ");
  return stdin === undefined ? words : `${words} <<< ${quoteWord(stdin.replace(/\n$/, ""))}`;
}

/**
 * Announces a command as the C daemon does.
 *
 * @param text of the command
 */
export function startText(text: string): string {
  return `run_extcmd() (with execvp()): running CMD: ${text}`;
}

/**
 * Tells how a command ended, as the C daemon does.
 *
 * @param status its exit status, or why it has none
 */
export function endText(status: number | string | undefined): string {
  return `run_extcmd(): returning 0, pid_status: ${status}`;
}

/**
 * Writes a command so that it is good to read: what it reads follows as a here-document.
 *
 * @param argv program and arguments
 * @param stdin what it reads
 * @returns one or several lines that every shell would run the same way, without the last line end
 */
export function commandScript(argv: readonly string[], stdin?: string): string {
  const words = argv.map(quoteWord).join(" ");
  return stdin === undefined ? words : `${words} <<'EOF'\n${stdin.replace(/\n?$/, "\n")}EOF`;
}
