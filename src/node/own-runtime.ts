/**
 * Starting this very runtime again: Node, Deno or Bun.
 *
 * @module
 */

const isDeno: boolean = process.versions["deno"] !== undefined;

/**
 * The argument vector that runs a program file.
 *
 * @param main a JavaScript file, as in `process.argv[1]`
 * @param args its arguments
 */
export function programArgv(main: string, ...args: readonly string[]): [string, ...string[]] {
  return [process.execPath, ...(isDeno ? ["run", "-A"] : process.execArgv), main, ...args];
}

/**
 * The argument vector that runs a script.
 *
 * @param script JavaScript that loads modules by `import()`
 */
export function scriptArgv(script: string): [string, ...string[]] {
  return [process.execPath, isDeno ? "eval" : "-e", script];
}
