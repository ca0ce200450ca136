/**
 * A stand-in for nft that keeps tables, sets, maps, chains and rules in memory, as far as our planners use them, and
 * fails as the real one does (nftables 1.0.6): `test/peers/fake-nft.test.ts` compares the two.
 *
 * @module
 */
import type { RunOptions, RunResult } from "../../src/node/run.ts";
import { runResult } from "./run-result.ts";

interface Element { readonly value: string; readonly endsAt: number; readonly timeout: number; readonly comment: string | undefined }
interface NftSet { readonly isMap: boolean; readonly type: string; readonly flags: readonly string[]; readonly size: number; readonly elements: Map<string, Element> }
interface NftRule { readonly handle: number; readonly text: string }
interface Table { readonly sets: Map<string, NftSet>; readonly chains: Map<string, NftRule[]> }

/** What can be wrong with the program itself. */
export type NftFault = "missing" | "forbidden" | "hanging";

class Refused extends Error {}

const ABSENT = "No such file or directory";
const EXISTS = "Could not process rule: File exists";

/** A fake. */
export class FakeNft {
  readonly calls: { readonly argv: readonly string[]; readonly input: string }[] = [];
  fault: NftFault | undefined;
  readonly #now: () => number;
  #tables = new Map<string, Table>();
  #handle = 0;

  /** @param now Unix time, seconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** In place of the runner; bound, so that it can be passed on. */
  readonly run = async (argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> => {
    const input = typeof options.input === "string" ? options.input : "";
    this.calls.push({ argv, input });
    const result = (parts: Partial<RunResult>): RunResult => runResult(argv, parts);
    if (this.fault === "missing") return result({ startError: { code: "ENOENT", message: "No such file or directory" } });
    if (this.fault === "hanging") return result({ signal: "SIGKILL", timedOut: true, durationMs: options.timeoutMs });
    if (this.fault === "forbidden") return result({ status: 1, stderr: "Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed: Operation not permitted\n" });
    const [flags, words] = [argv.slice(1).filter((word) => /^-[jnt]$/.test(word)), argv.slice(1).filter((word) => !/^-[jnt]$/.test(word))];
    try {
      if (words[0] === "-f") return result({ status: 0, stdout: this.#perform(input.split("\n")) });
      return result({ status: 0, stdout: this.#list(words, flags.includes("-t")) });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return result({ status: 1, stderr: error.message });
    }
  };

  /** Somebody else's commands; throws what the program would say. */
  type(text: string): void {
    this.#perform(text.split("\n"));
  }

  /** Elements of a set that have not ended: key, value and comment. */
  elements(table: string, set: string): string[] {
    return this.#live(this.#tables.get(table)?.sets.get(set)).map(([key, { value, comment }]) => [key, value === "" ? "" : `: ${value}`, comment ?? ""].filter((part) => part !== "").join(" ")).sort();
  }

  /** Rules of a chain; undefined when there is no such chain. */
  rules(table: string, chain: string): string[] | undefined {
    return this.#tables.get(table)?.chains.get(chain)?.map(({ text }) => text);
  }

  #live(set: NftSet | undefined): [string, Element][] {
    return [...(set?.elements ?? [])].filter(([, { endsAt }]) => endsAt > this.#now());
  }

  /** All lines or none. */
  #perform(lines: readonly string[]): string {
    const before = this.#tables;
    this.#tables = new Map([...before].map(([name, { sets, chains }]) => [name, {
      sets: new Map([...sets].map(([set, value]) => [set, { ...value, elements: new Map(value.elements) }])),
      chains: new Map([...chains].map(([chain, rules]) => [chain, [...rules]])),
    }]));
    try {
      lines.forEach((line, at) => {
        try {
          if (line.trim() !== "") this.#command(line);
        } catch (error) {
          if (error instanceof Refused) throw new Refused(`/dev/stdin:${at + 1}:1-${line.length}: Error: ${error.message}\n${line}\n${"^".repeat(line.length)}\n`);
          throw error;
        }
      });
      for (const [name, { chains }] of this.#tables) {
        for (const rules of chains.values()) {
          for (const { text } of rules) {
            const target = jumpOf(text);
            if (target !== undefined && !this.#tables.get(name)!.chains.has(target)) throw new Refused(`/dev/stdin:1:1-1: Error: Could not process rule: Device or resource busy\n`);
          }
        }
      }
    } catch (error) {
      this.#tables = before;
      throw error;
    }
    return "";
  }

  #command(line: string): void {
    const [verb, kind, family, name, ...rest] = line.trim().split(" ") as [string, string, string, string, ...string[]];
    const key = `${family} ${name}`;
    if (kind === "table") {
      if (verb === "add") {
        if (!this.#tables.has(key)) this.#tables.set(key, { sets: new Map(), chains: new Map() });
      } else if (!this.#tables.delete(key)) throw new Refused(ABSENT);
      return;
    }
    const table = this.#tables.get(key);
    if (table === undefined) throw new Refused(ABSENT);
    const [object, ...words] = rest as [string, ...string[]];
    const text = words.join(" ");
    const one = (kind === "set" || kind === "map" || kind === "element" ? table.sets : table.chains).get(object);
    if (one === undefined && (verb !== "add" || kind === "element" || kind === "rule")) throw new Refused(kind === "element" ? ABSENT : `Could not process rule: ${ABSENT}`);
    if (kind === "element") this.#element(verb, one as NftSet, text);
    else if (kind === "rule") {
      const rules = one as NftRule[];
      if (verb === "delete") {
        const at = rules.findIndex(({ handle }) => handle === Number(words[1]));
        if (at < 0) throw new Refused(`Could not process rule: ${ABSENT}`);
        rules.splice(at, 1);
      } else {
        const set = /@(\w+)/.exec(text)?.[1];
        const target = jumpOf(text);
        if ((set !== undefined && !table.sets.has(set)) || (target !== undefined && !table.chains.has(target))) throw new Refused(ABSENT);
        rules[verb === "add" ? "push" : "unshift"]({ handle: ++this.#handle, text });
      }
    } else if (verb === "flush") {
      if (kind === "chain") (one as NftRule[]).length = 0;
      else (one as NftSet).elements.clear();
    } else if (verb === "delete") {
      const users = [...table.chains].flatMap(([, rules]) => rules).filter((rule) => (kind === "chain" ? jumpOf(rule.text) === object : new RegExp(`@${object}\\b`).test(rule.text)));
      if (users.length > 0) throw new Refused("Could not process rule: Device or resource busy");
      (kind === "chain" ? table.chains : table.sets).delete(object);
    } else if (kind === "chain") {
      if (one === undefined) table.chains.set(object, []);
    } else this.#declare(table, kind === "map", object, text, one as NftSet | undefined);
  }

  #declare(table: Table, isMap: boolean, name: string, text: string, one: NftSet | undefined): void {
    const type = /type ([^;]+);/.exec(text)![1]!.trim();
    if (one !== undefined) {
      if (one.type !== type) throw new Refused(EXISTS);
      return;
    }
    const flags = /flags ([^;]+);/.exec(text)?.[1]!.split(",").map((flag) => flag.trim()) ?? [];
    table.sets.set(name, { isMap, type, flags, size: Number(/size (\d+);/.exec(text)?.[1] ?? Infinity), elements: new Map() });
  }

  #element(verb: string, set: NftSet, text: string): void {
    for (const part of text.replace(/^\{ | \}$/g, "").split(", ")) {
      const [, key, seconds, unit, comment, value = ""] = /^(.*?)(?: timeout (\d+)(ms|s))?(?: comment "([^"]*)")?(?: : (.*))?$/.exec(part)!;
      const there = set.elements.get(key!);
      const isLive = there !== undefined && there.endsAt > this.#now();
      if (verb === "delete") {
        if (!isLive) throw new Refused(`Could not process rule: ${ABSENT}`);
        set.elements.delete(key!);
        continue;
      }
      if (isLive && there.value !== value) throw new Refused(EXISTS);
      if (!isLive && this.#live(set).length >= set.size) throw new Refused("Could not process rule: Too many open files in system");
      const timeout = seconds === undefined ? Infinity : Number(seconds) / (unit === "ms" ? 1000 : 1);
      // What is there keeps its comment.
      set.elements.set(key!, { value, timeout, endsAt: this.#now() + timeout, comment: isLive ? there.comment : comment });
    }
  }

  #list([, kind, family, name, object]: readonly string[], terse: boolean): string {
    if (kind === "ruleset") {
      const tables = [...this.#tables.keys()].filter((key) => key.startsWith(`${family} `)).flatMap((key) => this.#objects(key.split(" "), undefined, terse));
      return JSON.stringify({ nftables: [{ metainfo: { version: "1.0.6" } }, ...tables] });
    }
    const table = this.#tables.get(`${family} ${name}`);
    if (table === undefined || (object !== undefined && !table.sets.has(object))) {
      throw new Refused(`Error: ${ABSENT}\nlist ${kind} ${family} ${name}\n     ^^^^\n`);
    }
    return JSON.stringify({ nftables: [{ metainfo: { version: "1.0.6" } }, ...this.#objects([family!, name!], object, terse)] });
  }

  #objects([family, name]: readonly string[], object: string | undefined, terse: boolean): object[] {
    const table = this.#tables.get(`${family} ${name}`)!;
    const sets = [...table.sets].filter(([set]) => object === undefined || set === object).map(([set, { isMap, type, flags, ...rest }]) => {
      const [keyType, valueType] = type.split(" : ");
      const concat = (text: string): unknown => {
        const parts = text.split(" . ").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
        return parts.length === 1 ? parts[0] : { concat: parts };
      };
      const elem = this.#live({ isMap, type, flags, ...rest }).map(([key, { value, timeout, endsAt, comment }]) => {
        const element = { elem: { val: concat(key), ...(timeout < Infinity && { timeout: Math.floor(timeout), expires: Math.floor(endsAt - this.#now()) }), ...(comment !== undefined && { comment }) } };
        return isMap ? [element, concat(value)] : element;
      });
      const types = keyType!.split(" . ");
      const described = { family, name: set, table: name, type: types.length === 1 ? types[0] : types, ...(isMap && { map: valueType }), flags, ...(!terse && elem.length > 0 && { elem }) };
      return isMap ? { map: described } : { set: described };
    });
    const chains = object !== undefined ? [] : [...table.chains].flatMap(([chain, rules]) => [
      { chain: { family, table: name, name: chain } },
      ...rules.map(({ handle, text }) => {
        const jump = jumpOf(text);
        const comment = /comment "([^"]*)"/.exec(text)?.[1];
        const established = text.includes("established") ? [{ match: { op: "in", left: { ct: { key: "state" } }, right: ["established", "related"] } }] : [];
        return { rule: { family, table: name, chain, handle, ...(comment !== undefined && { comment }), expr: jump === undefined ? established : [{ jump: { target: jump } }] } };
      }),
    ]);
    return [...sets, ...chains];
  }
}

function jumpOf(text: string): string | undefined {
  return /(?:^| )jump (\w+)/.exec(text)?.[1];
}
