/**
 * Command lines kept as text.
 *
 * @module
 */

/**
 * Splits text at blanks. Single and double quotes hold blanks together, a backslash outside single quotes takes the next
 * character as it is: what a shell does with plain words, and nothing else that a shell does.
 *
 * @param text one line
 * @returns the words, or undefined when a quote is not closed
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (quote !== "" && character === quote) {
      quote = "";
    } else if (character === "\\" && quote !== "'" && at + 1 < text.length) {
      word = (word ?? "") + text[++at]!;
    } else if (quote !== "") {
      word = (word ?? "") + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + character;
    }
  }
  if (word !== undefined) words.push(word);
  return quote === "" ? words : undefined;
}
