/**
 * Commands as they could be typed again: for the log, for dry runs, for error messages.
 *
 * @module
 */

/**
 * Writes one word so that a shell reads it back as the same word.
 *
 * @param word any text
 * @returns the word, in quotes where it needs them; control codes are shown as `\xHH` in `$'…'`
 */
export function quoteWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (/[\0-\x1f\x7f]/.test(word)) {
    const escaped = word.replace(/[\\']/g, "\\$&").replace(/[\0-\x1f\x7f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
    return `$'${escaped}'`;
  }
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Writes a command as it could be typed into a shell.
 *
 * @param argv program and arguments
 * @param stdin text that it reads, shown as a here-document; must end its last line
 * @returns one line, or several with a here-document
 */
export function commandText(argv: readonly string[], stdin?: string): string {
  const line = argv.map(quoteWord).join(" ");
  if (stdin === undefined || stdin === "") return line;
  return `${line} <<'EOF'\n${stdin}EOF`;
}
