/**
 * Waiting that somebody else may cut short.
 *
 * @module
 */

/** One wait at a time. */
export class Pause {
  #end: () => void = () => {};

  /**
   * Waits.
   *
   * @param ms how long, milliseconds
   * @returns settles after that time, or when it is cut short
   */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the wait that is under way, if there is one. */
  cut(): void {
    this.#end();
  }
}
