/**
 * Command lines that are kept: to be shown, and to be run again. Secrets are left out.
 *
 * @module
 */

import { CLIENT, CLIENT_OPTIONS, type ClientOptions } from "../cli/client-options.ts";
import { type Occurrence, type ScannedArguments, scanArguments } from "../cli/getopt.ts";
import type { Parsed } from "../cli/options.ts";
import { quoteWord } from "../command-text.ts";
import { splitHostPort } from "./destination.ts";
import { splitWords } from "./words.ts";

/** A command line as text. */
export interface CommandLine {
  /** One line, which starts with the program's name. */
  readonly text: string;
  /** Options that are not in it because of a secret, as they were typed. */
  readonly left: readonly string[];
}

/**
 * Writes a command line. Words without blanks stand as they are, so that the C program can read it, too.
 *
 * @param scanned the options
 * @returns the text; options with secrets are left out
 */
export function formatCommandLine(scanned: ScannedArguments<ClientOptions>): CommandLine {
  const words: string[] = ["fwknop"];
  const left: string[] = [];
  for (const { key, spelling, words: given } of scanned.occurrences) {
    const { value } = CLIENT_OPTIONS[key];
    const shown = value.redact === undefined ? given : given.map((word) => value.redact!(word));
    if (shown.some((word) => word === undefined)) left.push(spelling);
    else words.push(spelling, ...(shown as string[]).map(quoteWord));
  }
  return { text: words.join(" "), left };
}

/**
 * Reads a kept command line; its first word is the program and is skipped. One that the C program wrote has no quotes.
 *
 * @param line the line
 * @returns the options, or what is wrong
 */
export function parseCommandLine(line: string): Parsed<ScannedArguments<ClientOptions>> {
  const words = splitWords(line) ?? line.split(/\s+/).filter((word) => word !== "");
  return scanArguments(CLIENT, words.slice(1));
}

/**
 * Finds the last command line for a server.
 *
 * @param file one command line each line
 * @param host the server's name, without a port
 * @returns its line, or undefined
 */
export function findCommandForHost(file: string, host: string): string | undefined {
  return file.split("\n").findLast((line) => {
    const scanned = line === "" ? undefined : parseCommandLine(line);
    return scanned?.ok === true && destinationIn(scanned.value.occurrences) === host;
  });
}

/**
 * Puts a command line among those of other servers; the older one for the same server goes.
 *
 * @param file one command line each line
 * @param scanned the options
 * @returns the new content, or undefined when the options name no server
 */
export function rememberForHost(file: string, scanned: ScannedArguments<ClientOptions>): string | undefined {
  const host = destinationIn(scanned.occurrences);
  if (host === undefined) return undefined;
  const old = findCommandForHost(file, host);
  const others = file.split("\n").filter((line) => line !== "" && line !== old);
  return `${[...others, formatCommandLine(scanned).text].join("\n")}\n`;
}

function destinationIn(occurrences: readonly Occurrence<ClientOptions>[]): string | undefined {
  const last = occurrences.findLast(({ key }) => key === "destination");
  return last === undefined ? undefined : splitHostPort(last.words[0]!).host;
}
