/**
 * The kinds of values that both files have.
 *
 * @module
 */

import { printableText } from "../foreign-text.ts";
import { type IpAddress, parseIp } from "../ip.ts";
import { type AddressList, parseAddressList } from "./address-list.ts";
import type { ParsedValue, TextKind } from "./variable.ts";

/**
 * Accepts a value.
 *
 * @param value what was read
 * @returns the same, as parsers return it
 */
export function accept<T>(value: T): ParsedValue<T> {
  return { ok: true, value };
}

/**
 * Refuses a value.
 *
 * @param message one line
 * @param offset where in the value the bad part begins
 * @returns the refusal, as parsers return it
 */
export function refuse(message: string, offset = 0): { readonly ok: false; readonly message: string; readonly offset: number } {
  return { ok: false, message, offset };
}

/** Shows a value in a message. */
export const shown = (text: string): string => `'${printableText(text)}'`;

/** C looks at the first letter only and reads everything but `y` as no, even `true` and `on`. */
export const yesNo: TextKind<boolean> = {
  describe: "Y or N",
  parse(text, name) {
    if (/^y(es)?$/i.test(text)) return accept(true);
    if (/^no?$/i.test(text)) return accept(false);
    return refuse(`${name} value ${shown(text)} is neither Y nor N`);
  },
};

/** Any text. */
export const text: TextKind<string> = { describe: "text", parse: accept };

/** The name of a file, a folder or a program. */
export const path: TextKind<string> = { describe: "path", parse: accept };

/** A program and its arguments, split at blanks; never seen by a shell. */
export const command: TextKind<string> = { describe: "command", parse: accept };

/**
 * A whole number of digits only. C reads the digits that a text begins with, so `x` is 0 there.
 *
 * @param min the least
 * @param max the largest
 * @param refusal what to say of a number out of range
 * @returns the kind of value
 */
export function integer(
  min: number, max: number,
  refusal = (name: string, value: string): string => `var ${name} value ${value} not in the range ${min}-${max}`,
): TextKind<number> {
  return {
    describe: max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min}..${max}`,
    parse(text, name) {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= min && value <= max) return accept(value);
      return refuse(refusal(name, shown(text)) + (/^[+-]?\d+$/.test(text) ? "" : ": expected a whole number"));
    },
  };
}

/**
 * One of a few words, in any case.
 *
 * @param words each word and what it means
 * @param refusal what to say of any other
 * @returns the kind of value
 */
export function choice<T>(words: Readonly<Record<string, T>>, refusal: (name: string, value: string) => string): TextKind<T> {
  return {
    describe: Object.keys(words).join(", "),
    parse(text, name) {
      const word = Object.keys(words).find((candidate) => candidate.toLowerCase() === text.toLowerCase());
      return word === undefined ? refuse(refusal(name, shown(text))) : accept(words[word]!);
    },
  };
}

/**
 * Words between commas or blanks.
 *
 * @param describe what each is
 * @param pattern what each must match
 * @param make makes the value of a word
 * @returns the kind of value
 */
export function words<T>(describe: string, pattern: RegExp, make: (word: string) => T): TextKind<readonly T[]> {
  return {
    describe: `list of ${describe}`,
    parse(text, name) {
      const list: T[] = [];
      for (const { 0: word, index } of text.matchAll(/[^\s,]+/g)) {
        if (!pattern.test(word)) return refuse(`${name} item ${shown(word)} is not a ${describe}`, index);
        list.push(make(word));
      }
      return list.length > 0 ? accept(list) : refuse(`${name} value ${shown(text)} holds no ${describe}`);
    },
  };
}

/** Addresses and networks of both families. */
export const addresses: TextKind<AddressList> = {
  describe: "address list",
  parse(text, name) {
    const parsed = parseAddressList(text);
    return parsed.ok ? parsed : { ...parsed, message: `${parsed.message.replace(/\.$/, "")}: Fatal invalid ${name}` };
  },
};

/**
 * One IPv4 address.
 *
 * @param refusal what to say of anything else
 * @returns the kind of value
 */
export function ipv4(refusal: (name: string, value: string) => string): TextKind<IpAddress> {
  return {
    describe: "IPv4 address",
    parse(text, name) {
      const ip = parseIp(text);
      return ip?.version === 4 ? accept(ip) : refuse(refusal(name, shown(text)));
    },
  };
}
