/**
 * A text file that only grows, a line at a time, and each line is on the disk before its
 * writer goes on.
 *
 * @module
 */

/** A line could not be stored. After `final` errors the file has to be opened anew and written from memory. */
export class AppendError extends Error {
  readonly code: string;
  readonly final: boolean;

  constructor(message: string, code: string, final: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "AppendError";
    this.code = code;
    this.final = final;
  }
}

/** A file that only grows. Lines that come while the disk works are written together. */
export class AppendFile {
  /**
   * Opens or makes the file (0600); a torn last line is ended.
   *
   * @param path the file
   * @returns the open file
   * @throws {FileError} when it cannot be opened or is no regular file
   */
  static open(path: string): AppendFile {
    throw new RangeError(path);
  }

  /** Its length when it was opened, bytes; 0 means that a header may be wanted. */
  readonly initialLength: number = 0;

  /**
   * Adds a line.
   *
   * @param line the text without its end
   * @throws {AppendError} when it is not on the disk
   */
  async append(line: string): Promise<void> {
    void line;
  }

  /** Waits for what is under way, then closes. */
  async close(): Promise<void> {}
}
