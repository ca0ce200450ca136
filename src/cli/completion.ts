/**
 * Completion scripts for shells. Names and descriptions come from the option table, names of stanzas from the program.
 *
 * @module
 */

import { type ListedOption, listOptions, type Program, type ValueType } from "./options.ts";

/** The shells that are known. */
export type Shell = "bash" | "zsh" | "fish";

type Row = Pick<ListedOption<object>, "long" | "letters" | "value" | "doc">;

/**
 * Writes a completion script.
 *
 * @param program whose options
 * @param shell whose syntax
 * @returns the script, without a line end behind its last line
 */
export function renderCompletion<Values>(program: Program<Values>, shell: Shell): string {
  const rows = listOptions(program).filter((row) => !row.minor);
  return { bash, zsh, fish }[shell](program.name, rows);
}

/** Single quotes, for all three shells. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The first sentence, for a menu. */
const brief = (row: Row): string => row.doc.split(/(?<=[.:;]) /)[0]!.replace(/[.:;]$/, "");

const names = (row: Row): readonly string[] => [`--${row.long}`, ...row.letters.slice(0, 1).map((letter) => `-${letter}`)];

function bash(program: string, rows: readonly Row[]): string {
  const cases = rows.flatMap((row) => {
    const offer = bashOffer(program, row);
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
function bashOffer(program: string, row: Row): string | undefined {
  const { takes, choices, completes } = row.value;
  if (takes !== "argument") return undefined;
  if (choices !== undefined) return compgen(`-W ${quote(choices.join(" "))}`);
  if (completes === undefined) return ":";
  // Not by compgen -W, which would expand what stands in the names.
  if (completes === "stanza") return `while IFS= read -r at; do [[ $at == " - $cur"* ]] && printf -v at %q "\${at:3}" && COMPREPLY+=("$at"); done < <(${program} --stanza-list 2>/dev/null)`;
  const quoting = completes === "file" || completes === "folder" ? "compopt -o filenames 2>/dev/null; " : "";
  return quoting + compgen(BASH_ACTIONS[completes]);
}

/** What compgen lists. */
const BASH_ACTIONS = { file: "-f", folder: "-d", host: "-A hostname", user: "-u" } as const;

function zsh(program: string, rows: readonly Row[]): string {
  return [
    `#compdef ${program}`,
    `# zsh completion for ${program}; write it to a file named _${program} in a folder of $fpath`,
    ...(rows.some((row) => row.value.completes === "stanza") ? [zshStanzas(program)] : []),
    "_arguments -s \\",
    rows.map((row) => zshSpec(program, row)).join(" \\\n"),
  ].join("\n");
}

const zshStanzas = (program: string): string => `_${program}_stanzas() {
  local -a names
  names=(\${(M)\${(f)"$(${program} --stanza-list 2>/dev/null)"}:# - *})
  compadd -- \${names# - }
}`;

/** `{--name,-n}'[what it does]:argument:action'`. */
function zshSpec(program: string, row: Row): string {
  const text = brief(row).replace(/[\\[\]:]/g, "\\$&").replaceAll("'", "'\\''");
  const described = `[${text}]${zshArgument(program, row)}'`;
  return row.letters.length === 0 ? `  '--${row.long}${described}` : `  {${names(row).join(",")}}'${described}`;
}

function zshArgument(program: string, row: Row): string {
  const { takes, choices, completes, argument = "" } = row.value;
  if (takes === "nothing") return "";
  if (takes === "rest") return ":*::command:_normal";
  const label = `:${argument.replace(/[\\[\]:']/g, " ").trim()}:`;
  if (choices !== undefined) return `${label}(${choices.join(" ")})`;
  return label + (completes === undefined ? "" : zshAction(program, completes));
}

const zshAction = (program: string, completes: NonNullable<ValueType<unknown>["completes"]>): string =>
  ({ file: "_files", folder: "_files -/", host: "_hosts", user: "_users", stanza: `_${program}_stanzas` })[completes];

function fish(program: string, rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const { takes, choices, completes } = row.value;
    const short = row.letters.length === 0 ? "" : ` -s ${row.letters[0]}`;
    const argument = takes === "nothing" ? "" : completes === "file" || completes === "folder" ? " -r -F" : " -x";
    const offer = choices?.join(" ") ?? (takes === "rest" ? "(__fish_complete_command)" : fishOffer(program, completes));
    const words = offer === "" ? "" : ` -a ${quote(offer)}`;
    return `complete -c ${program}${short} -l ${row.long}${argument}${words} -d ${quote(brief(row))}`;
  });
  return [`# fish completion for ${program}; use: ${program} --completion fish | source`, `complete -c ${program} -f`, ...lines].join("\n");
}

/** What fish runs, besides its own files. */
function fishOffer(program: string, completes: ValueType<unknown>["completes"] = "file"): string {
  return {
    file: "",
    folder: "",
    host: "(__fish_print_hostnames)",
    user: "(__fish_complete_users)",
    stanza: `(${program} --stanza-list 2>/dev/null | string replace -rf "^ - " "")`,
  }[completes];
}
