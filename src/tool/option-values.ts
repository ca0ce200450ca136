/**
 * Kinds of value that several subcommands of `fko-tool` take, with the words that refuse any other.
 *
 * @module
 */

import type { ValueType } from "../cli/options.ts";
import { choice, integer } from "../cli/values.ts";

/**
 * One of a few names, in any case.
 *
 * @param argument stands for it in usage
 * @param names the names
 * @returns the kind of value
 */
export function oneOf<T extends string>(argument: string, names: readonly T[]): ValueType<T> {
  return choice(argument, names, (shown) => `expected one of ${names.join(" ")}, got '${shown}'`);
}

/**
 * A whole number.
 *
 * @param argument stands for it in usage
 * @param least the smallest that is taken
 * @param most the largest
 * @returns the kind of value
 */
export function numberFrom(argument: string, least: number, most: number): ValueType<number> {
  return integer(argument, least, most, (shown) => `expected ${least}..${most}, got '${shown}'`);
}
