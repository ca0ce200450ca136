/**
 * `fko-tool demo`: shows a port that is closed, a packet, a port that is open, and a port that is closed again.
 *
 * @module
 */
import { constants } from "node:os";
import { messageOf } from "../system-error.ts";
import { UndoList } from "../undo-list.ts";
import { showCapture } from "./demo-capture.ts";
import { type DemoNetwork, lackForNetwork, openDemoNetwork, showNetwork } from "./demo-network.ts";
import type { DemoOptions } from "./demo-settings.ts";
import { NamespaceError } from "./namespaces.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs the demonstration: with real namespaces and a real firewall where that is possible, else with a capture made in
 * memory and a firewall that prints. Leaves nothing behind, also when it is interrupted.
 *
 * @param options where to talk
 * @returns the exit status: 0 when everything was as it should be, 128 and more after a signal
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const undo = new UndoList();
  let interrupt!: (signal: NodeJS.Signals) => void;
  const interrupted = new Promise<number>((resolve) => {
    interrupt = (signal) => resolve(128 + constants.signals[signal]);
  });
  for (const signal of SIGNALS) process.on(signal, interrupt);
  const talk: DemoOptions = { main: options.main, say: (line) => void (undo.isDone || options.say(line)) };
  const shown = show(talk, undo).then(() => 0, (error: unknown) => {
    talk.say(`fko-tool demo: ${messageOf(error)}`);
    return 1;
  });
  try {
    return await Promise.race([shown, interrupted]);
  } finally {
    await undo.run();
    await shown; // it fails at once when what it uses is gone
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
}

async function show(options: DemoOptions, undo: UndoList): Promise<void> {
  const network = await openNetwork(options, undo);
  if (network !== undefined) await showNetwork(network, options);
  else await showCapture(options, undo);
}

async function openNetwork({ say }: DemoOptions, undo: UndoList): Promise<DemoNetwork | undefined> {
  let lack = lackForNetwork();
  try {
    if (lack === undefined) return await openDemoNetwork(undo);
  } catch (error) {
    if (!(error instanceof NamespaceError) || undo.isDone) throw error;
    lack = error.message;
  }
  say(`No real network here: ${lack}.`);
  return undefined;
}
