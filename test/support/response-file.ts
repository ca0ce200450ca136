/**
 * Reads the response files of the NIST validation programs: `NAME = value` lines in blocks, `[SECTION]` lines between.
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import { type Bytes, hexBytes } from "../../src/bytes.ts";

const FOLDER = new URL("../../fixtures/nist/", import.meta.url);

/** One block of lines. */
export interface Vector {
  /** The last `[…]` line before it, without brackets. */
  readonly section: string;
  /** @returns the value as text */
  text(name: string): string;
  /** @returns the value, which is hexadecimal */
  bytes(name: string): Bytes;
  has(name: string): boolean;
}

/** @returns the names of the files in a folder of `fixtures/nist/` that match */
export function responseFiles(folder: string, pattern: RegExp): string[] {
  return readdirSync(new URL(`${folder}/`, FOLDER)).filter((name) => pattern.test(name)).map((name) => `${folder}/${name}`);
}

/** @returns the vectors of a file of `fixtures/nist/` */
export function readVectors(path: string): Vector[] {
  const vectors: Vector[] = [];
  let section = "";
  for (const block of readFileSync(new URL(path, FOLDER), "latin1").split(/\r?\n\s*\r?\n/)) {
    const values = new Map<string, string>();
    for (const line of block.split(/\r?\n/)) {
      section = /^\[(.*)\]$/.exec(line)?.[1] ?? section;
      const [, name, value] = /^(\w+) = ?(.*)$/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) values.set(name, value);
    }
    if (values.size > 0) vectors.push(vector(section, values));
  }
  return vectors;
}

function vector(section: string, values: ReadonlyMap<string, string>): Vector {
  const text = (name: string): string => {
    const value = values.get(name);
    if (value === undefined) throw new RangeError(`Cannot read a vector: expected ${name}, got ${[...values.keys()].join(", ")}`);
    return value;
  };
  return { section, text, bytes: (name) => hexBytes(text(name))!, has: (name) => values.has(name) };
}
