/**
 * Command lines kept as text.
 *
 * @module
 */

/** A blank, or a part of a word: '...', $'...', "...", \c, plain. */
const TOKEN = /(\s+)|'([^']*)'|\$'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|\\(.)|([^\s'"\\$]+|\$)/ys;

/**
 * Splits text at blanks. Quotes hold blanks together, a backslash outside quotes takes the next character as it is and
 * in double quotes only those that mean something to a shell there, `$'...'` knows control codes: all that quoteWord()
 * writes, and nothing else that a shell does.
 *
 * @param text one line
 * @returns the words, or undefined when a quote is not closed
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length;) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text);
    if (token === null) return undefined;
    at = TOKEN.lastIndex;
    const [, blank, single, escaped, double, character, plain] = token;
    if (blank === undefined) {
      word = (word ?? "") + (single ?? (escaped === undefined ? undefined : unescape(escaped)) ?? double?.replace(/\\([\\"$`])/g, "$1") ?? character ?? plain!);
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

function unescape(text: string): string {
  return text.replace(/\\([0-7]{3}|.)/gs, (_, escape: string) => {
    if (escape.length === 3) return String.fromCharCode(Number.parseInt(escape, 8));
    return escape === "n" ? "\n" : escape;
  });
}
