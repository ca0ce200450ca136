/**
 * Configuration files as lines of names and values, before anything is known of the names.
 *
 * @module
 */

/** A file that was read. */
export interface ConfigFile {
  /** As it was given, for messages. */
  readonly path: string;
  /** Whole; not changed and not kept, so the caller may wipe it afterwards. */
  readonly bytes: Uint8Array;
}

/** Whose file it is: fwknop 2.x or 1.x. */
export type Dialect = "c" | "perl";
