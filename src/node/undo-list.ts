/**
 * What is to be undone at the end, whichever way the end comes.
 *
 * @module
 */

/** Steps that are run once, the last first. */
export class UndoList {
  readonly #steps: (() => void | Promise<void>)[] = [];
  #isDone = false;

  /** Whether the end has come. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /**
   * Notes a step. When the end has come meanwhile, it is run at once.
   *
   * @param step must not throw
   * @throws {Error} when the end has come: what was just made is gone again
   */
  async add(step: () => void | Promise<void>): Promise<void> {
    if (!this.#isDone) {
      this.#steps.push(step);
      return;
    }
    await step();
    throw new Error("Interrupted");
  }

  /** Runs all steps. */
  async run(): Promise<void> {
    this.#isDone = true;
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step();
  }
}
