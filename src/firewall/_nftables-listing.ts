/**
 * Reads what `nft -j list table` prints.
 *
 * @module
 */

import { formatIp, parseIp } from "../ip.ts";
import type { NftTable } from "./_nftables-settings.ts";
import { protocolName } from "./protocols.ts";
import { parseTimeMark } from "./time-mark.ts";

/** An element of a set, or a pair of a map. */
export interface ListedElement {
  /** Parts of the key, as we write them. */
  readonly key: readonly string[];
  readonly value: readonly string[];
  /** Unix time, seconds, of its mark; absent for those of others. */
  readonly expiresAt?: number;
}

/** A set or a map. */
export interface ListedSet {
  readonly name: string;
  /** Types of the key's parts. */
  readonly types: readonly string[];
  readonly flags: readonly string[];
  readonly elements: readonly ListedElement[];
}

/** A rule, as far as it matters here. */
export interface ListedRule {
  /** A number; a dry run's, a word for one. */
  readonly handle: string;
  readonly comment: string;
  /** The chain that it jumps to. */
  readonly jump?: string;
  readonly letsAnswersIn: boolean;
}

/** A table. */
export interface ListedTable {
  readonly sets: ReadonlyMap<string, ListedSet>;
  readonly chains: ReadonlyMap<string, readonly ListedRule[]>;
}

/**
 * Reads one table out of a listing.
 *
 * @param text JSON
 * @param table which one, where a listing has several
 * @returns what is in it; what is not understood is left out. Undefined when it is no listing at all
 */
export function readTable(text: string, table?: NftTable): ListedTable | undefined {
  const listing = parseJson(text);
  const objects = isObject(listing) ? listing["nftables"] : undefined;
  if (!Array.isArray(objects)) return undefined;
  const sets = new Map<string, ListedSet>();
  const chains = new Map<string, ListedRule[]>();
  const rulesOf = (chain: unknown): ListedRule[] => {
    const rules = chains.get(String(chain)) ?? [];
    chains.set(String(chain), rules);
    return rules;
  };
  for (const object of objects as readonly unknown[]) {
    if (!isObject(object)) continue;
    const { chain, rule } = object;
    const set = object["set"] ?? object["map"];
    if (table !== undefined && ![chain, rule, set].some((one) => isObject(one) && one["family"] === table.family && one["table"] === table.name)) continue;
    if (isObject(chain)) rulesOf(chain["name"]);
    if (isObject(set)) sets.set(String(set["name"]), readSet(set));
    if (isObject(rule)) rulesOf(rule["chain"]).push(readRule(rule));
  }
  return { sets, chains };
}

/**
 * Reads the kernel's number of a table, which no other table of this kernel has had.
 *
 * @param text JSON
 * @param table which one
 * @returns undefined when it is not listed
 */
export function readTableHandle(text: string, { family, name }: NftTable): number | undefined {
  const listing = parseJson(text);
  const objects: readonly unknown[] = isObject(listing) && Array.isArray(listing["nftables"]) ? (listing["nftables"] as readonly unknown[]) : [];
  for (const object of objects) {
    const table = isObject(object) ? object["table"] : undefined;
    if (isObject(table) && table["family"] === family && table["name"] === name) return Number(table["handle"]);
  }
  return undefined;
}

function readSet(set: Readonly<Record<string, unknown>>): ListedSet {
  const elements = Array.isArray(set["elem"]) ? (set["elem"] as readonly unknown[]) : [];
  return {
    name: String(set["name"]),
    types: list(set["type"]),
    flags: list(set["flags"]),
    elements: elements.map(readElement),
  };
}

function readElement(entry: unknown): ListedElement {
  const [element, value] = Array.isArray(entry) ? (entry as readonly unknown[]) : [entry];
  const inner = isObject(element) && isObject(element["elem"]) ? element["elem"] : undefined;
  const expiresAt = parseTimeMark(String(inner?.["comment"] ?? ""));
  return {
    key: parts(inner === undefined ? element : inner["val"]),
    value: value === undefined ? [] : parts(value).map(plain),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

/** Parts of a key. A host without names for protocols lists their numbers; a protocol stands before the last part. */
function parts(value: unknown): string[] {
  const list = isObject(value) && Array.isArray(value["concat"]) ? (value["concat"] as readonly unknown[]) : [value];
  return list.map((part, at) => (typeof part === "number" && at > 0 && at === list.length - 2 ? protocolName(String(part)) : plain(part)));
}

/** An address in its shortest form, anything else as it is. */
function plain(part: unknown): string {
  const address = typeof part === "string" ? parseIp(part) : undefined;
  return address === undefined ? (isObject(part) ? JSON.stringify(part) : String(part)) : formatIp(address);
}

function readRule(rule: Readonly<Record<string, unknown>>): ListedRule {
  const expressions = Array.isArray(rule["expr"]) ? (rule["expr"] as readonly unknown[]) : [];
  const jumps = expressions.flatMap((expression) => (isObject(expression) && isObject(expression["jump"]) ? [String(expression["jump"]["target"])] : []));
  return {
    handle: String(rule["handle"]),
    comment: String(rule["comment"] ?? ""),
    ...(jumps[0] !== undefined && { jump: jumps[0] }),
    letsAnswersIn: expressions.some((expression) => {
      const written = JSON.stringify(expression);
      return written.includes('{"ct":{"key":"state"}}') && written.includes('"established"');
    }),
  };
}

function list(value: unknown): string[] {
  return (Array.isArray(value) ? (value as readonly unknown[]) : value === undefined ? [] : [value]).map(String);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
