/**
 * The kinds of values that options take.
 *
 * @module
 */

import { type Bytes, utf8Bytes } from "../bytes.ts";
import { printableText } from "../foreign-text.ts";
import type { Parsed, ValueType } from "./options.ts";

/** Set or not. */
export const flag: ValueType<true> = { takes: "nothing", parse: () => ({ ok: true, value: true }) };

/** How often it was given. */
export const count: ValueType<number> = { takes: "nothing", parse: (_, before = 0) => ({ ok: true, value: before + 1 }) };

/** What a shell can do about a text. */
type TextHints = Pick<ValueType<string>, "completes" | "redact">;

const takeText: ValueType<string>["parse"] = ([given]) => ({ ok: true, value: given! });

/**
 * Any text.
 *
 * @param argument stands for it in usage
 * @param hints for completion, and what may be shown
 * @returns the kind of value
 */
export function text(argument: string, hints?: TextHints): ValueType<string> {
  const type: ValueType<string> = { takes: "argument", argument, parse: takeText };
  return hints === undefined ? type : { ...type, ...hints };
}

/**
 * Any text, which may be left out: empty then.
 *
 * @param argument stands for it in usage
 * @param hints for completion, and what may be shown
 * @returns the kind of value
 */
export function optionalText(argument: string, hints?: TextHints): ValueType<string> {
  return { ...text(argument, hints), takes: "optional", parse: ([given = ""]) => ({ ok: true, value: given }) };
}

/**
 * A secret: bytes from here on, so that it can be wiped, and never shown.
 *
 * @param argument stands for it in usage
 * @returns the kind of value
 */
export function secret(argument: string): ValueType<Bytes> {
  return { takes: "argument", argument, redact: () => undefined, parse: ([given]) => ({ ok: true, value: utf8Bytes(given!) }) };
}

/**
 * A whole number. C reads the digits that a text begins with, so `x` is 0 there; here it is refused like a number out of range.
 *
 * @param argument stands for it in usage
 * @param min the least
 * @param max the largest
 * @param refusal what to say of any other text, where scripts know words of its own
 * @returns the kind of value
 */
export function integer(
  argument: string, min: number, max: number,
  refusal = (shown: string): string => `expected a number in [${min}-${max}], got '${shown}'`,
): ValueType<number> {
  return {
    takes: "argument",
    argument,
    parse: ([given]) => {
      const value = /^\s*[+-]?\d{1,15}\s*$/.test(given!) ? Number(given) : Number.NaN;
      return value >= min && value <= max ? { ok: true, value } : { ok: false, message: refusal(printableText(given!)) };
    },
  };
}

/**
 * The words that scripts know for a port out of range.
 *
 * @param shown what was given, fit for messages
 * @returns the message
 */
export function portRefusal(shown: string): string {
  return `Value ${shown} out of range [(0)-(65535)]`;
}

/**
 * One of a few names, in any case.
 *
 * @param argument stands for it in usage
 * @param names the names, written as they are kept
 * @param refusal what to say of any other text, where scripts know words of its own
 * @returns the kind of value
 */
export function choice<T extends string>(
  argument: string, names: readonly T[],
  refusal = (shown: string): string => `expected one of {${names.join(",")}}, got '${shown}'`,
): ValueType<T> {
  return {
    takes: "argument",
    argument,
    choices: names,
    parse: ([given]) => {
      const value = names.find((name) => name.toLowerCase() === given!.toLowerCase());
      return value === undefined ? { ok: false, message: refusal(printableText(given!)) } : { ok: true, value };
    },
  };
}

/**
 * All that is left of the command line.
 *
 * @param argument stands for it in usage
 * @returns the kind of value
 */
export function rest(argument: string): ValueType<readonly string[]> {
  return {
    takes: "rest",
    argument,
    parse: (words) => (words.length > 0 ? { ok: true, value: words } : { ok: false, message: `expected ${argument}` }),
  };
}

/**
 * A value made from text by a function of its own.
 *
 * @param argument stands for it in usage
 * @param parse reads it
 * @param hints for completion, and what may be shown
 * @returns the kind of value
 */
export function custom<T>(argument: string, parse: (given: string) => Parsed<T>, hints: TextHints = {}): ValueType<T> {
  return { takes: "argument", argument, ...hints, parse: ([given]) => parse(given!) };
}
