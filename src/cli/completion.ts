/**
 * Completion scripts for shells. Names and descriptions come from the option table, nothing is computed in the shell.
 *
 * @module
 */

import { type OptionRow, optionRows, type Program } from "./options.ts";

/** The shells that are known. */
export type Shell = "bash" | "zsh" | "fish";

type Row = Pick<OptionRow<unknown, object>, "long" | "short" | "value" | "doc">;

/**
 * Writes a completion script.
 *
 * @param program whose options
 * @param shell whose syntax
 * @returns the script, without a line end behind its last line
 */
export function renderCompletion<Values>(program: Program<Values>, shell: Shell): string {
  const rows = optionRows(program.options).map(([, row]) => row).filter((row) => !row.minor);
  return { bash, zsh, fish }[shell](program.name, rows);
}

/** Single quotes, for all three shells. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The first sentence, for a menu. */
const brief = (row: Row): string => row.doc.split(/(?<=[.:;]) /)[0]!.replace(/[.:;]$/, "");

const names = (row: Row): readonly string[] => [`--${row.long}`, ...(row.short === undefined ? [] : [`-${row.short}`])];

function bash(program: string, rows: readonly Row[]): string {
  const cases = rows.flatMap((row) => {
    const offer = bashOffer(row);
    return offer === undefined ? [] : [`    ${names(row).join("|")}) ${offer}; return ;;`];
  });
  const long = rows.map((row) => `--${row.long}`).join(" ");
  const rest = rows.filter((row) => row.value.takes === "rest").flatMap(names).join("|");
  const name = `_${program}`;
  return [
    `# bash completion for ${program}; use: eval "$(${program} --completion bash)"`,
    `${name}() {`,
    "  local at cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}",
    "  # bash makes three words of --name=value",
    '  [[ $cur == "=" ]] && cur=',
    '  [[ $prev == "=" ]] && prev=${COMP_WORDS[COMP_CWORD-2]}',
    "  COMPREPLY=()",
    ...(rest === "" ? [] : [
      "  for ((at = 1; at < COMP_CWORD; at++)); do",
      `    [[ \${COMP_WORDS[at]} == @(${rest}) ]] || continue`,
      `    if ((at + 1 == COMP_CWORD)); then ${compgen("-c")}; else compopt -o filenames 2>/dev/null; ${compgen("-f")}; fi`,
      "    return",
      "  done",
    ]),
    "  case $prev in",
    ...cases,
    "  esac",
    `  ${compgen(`-W ${quote(long)}`)}`,
    "}",
    `complete -F ${name} ${program}`,
  ].join("\n");
}

/** A line each: names of files may have blanks in them. */
const compgen = (action: string): string => `mapfile -t COMPREPLY < <(compgen ${action} -- "$cur")`;

/** What bash offers behind an option; undefined for a flag. */
function bashOffer(row: Row): string | undefined {
  const { takes, choices, completes } = row.value;
  if (takes !== "argument") return undefined;
  if (choices !== undefined) return compgen(`-W ${quote(choices.join(" "))}`);
  if (completes === undefined) return ":";
  const quoting = completes === "file" || completes === "folder" ? "compopt -o filenames 2>/dev/null; " : "";
  return quoting + compgen(BASH_ACTIONS[completes]);
}

/** What compgen lists. */
const BASH_ACTIONS = { file: "-f", folder: "-d", host: "-A hostname", user: "-u" } as const;
const FISH_ACTIONS = { file: "", folder: "", host: "(__fish_print_hostnames)", user: "(__fish_complete_users)" } as const;
const ZSH_ACTIONS = { file: "_files", folder: "_files -/", host: "_hosts", user: "_users" } as const;

function zsh(program: string, rows: readonly Row[]): string {
  const specs = rows.map((row) => {
    const escaped = brief(row).replace(/[\\[\]:]/g, "\\$&");
    const long = names(row).join(",");
    const spelled = row.short === undefined ? quote(`--${row.long}`).slice(0, -1) : `{${long}}'`;
    return `  ${spelled}[${escaped.replaceAll("'", "'\\''")}]${zshArgument(row)}'`;
  });
  return [`#compdef ${program}`, `# zsh completion for ${program}; write it to a file named _${program} in a folder of $fpath`, "_arguments -s \\", specs.join(" \\\n")].join("\n");
}

function zshArgument(row: Row): string {
  const { takes, choices, completes, argument = "" } = row.value;
  if (takes === "nothing") return "";
  if (takes === "rest") return ":*::command:_normal";
  const label = `:${argument.replace(/[\\[\]:']/g, " ").trim()}:`;
  if (choices !== undefined) return `${label}(${choices.join(" ")})`;
  return label + (completes === undefined ? "" : ZSH_ACTIONS[completes]);
}

function fish(program: string, rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const { takes, choices, completes } = row.value;
    const short = row.short === undefined ? "" : ` -s ${row.short}`;
    const argument = takes === "nothing" ? "" : completes === "file" || completes === "folder" ? " -r -F" : " -x";
    const offer = choices?.join(" ") ?? (takes === "rest" ? "(__fish_complete_command)" : FISH_ACTIONS[completes ?? "file"]);
    const words = offer === "" ? "" : ` -a ${quote(offer)}`;
    return `complete -c ${program}${short} -l ${row.long}${argument}${words} -d ${quote(brief(row))}`;
  });
  return [`# fish completion for ${program}; use: ${program} --completion fish | source`, `complete -c ${program} -f`, ...lines].join("\n");
}
