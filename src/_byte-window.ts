/**
 * A window on a stream of bytes: it lies over the pushed chunk itself, and over a small buffer only while
 * something is put together that the end of a chunk cut in two.
 *
 * @module
 */

/**
 * The window. `gather(length)` asks for that many bytes in one piece from `at` on; whoever has read them
 * moves `at` behind them.
 */
export class ByteWindow {
  /** What the window lies over: the chunk, or the buffer. */
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  /** The first byte that was not read. */
  at = 0;
  /** Behind the last byte that is there. */
  limit = 0;

  #chunk: Uint8Array = this.bytes;
  /** The first byte of the chunk that the window has not taken in. */
  #chunkAt = 0;
  // Filled exactly to the length that was asked for, so that once it is read the window can go back to the chunk.
  #buffer: Uint8Array = this.bytes;
  #buffering = false;
  /** What lies at 0 of the window, in bytes from the start of the stream. */
  #origin = 0;

  /**
   * Tells where `at` is.
   *
   * @returns bytes from the start of the stream
   */
  get position(): number {
    return this.#origin + this.at;
  }

  /**
   * Takes the next chunk, by reference.
   *
   * @param chunk stays unchanged until `gather` has returned false
   * @throws {RangeError} when it has not done so for the chunk before
   */
  push(chunk: Uint8Array): void {
    const left = this.#chunk.length - this.#chunkAt + (this.#buffering ? 0 : this.limit - this.at);
    if (left > 0) throw new RangeError(`Cannot push: expected the chunk before to be used up, ${left} bytes are left`);
    // A plain view of whatever subclass came: property accesses stay of one kind, which is faster.
    this.#chunk = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#chunkAt = 0;
    if (!this.#buffering) this.#enterChunk();
  }

  /**
   * Makes bytes lie in one piece.
   *
   * @param length how many, counted from `at`; at least 1
   * @returns whether they are there; false when the chunk is used up and more of the stream is needed
   */
  gather(length: number): boolean {
    return this.limit - this.at >= length || this.#gatherMore(length);
  }

  /** Lets go of all bytes; the position stays. */
  clear(): void {
    this.#origin = this.position;
    this.bytes = this.#chunk = this.#buffer = new Uint8Array(0);
    this.at = this.limit = this.#chunkAt = 0;
    this.#buffering = false;
  }

  #gatherMore(length: number): boolean {
    if (this.#buffering && this.at === this.limit) this.#enterChunk();
    const there = this.limit - this.at;
    if (there >= length) return true;
    if (!this.#buffering) {
      if (there > 0) this.#enterBuffer(length);
      return false;
    }
    this.#reserve(this.at + length);
    const missing = length - there;
    const taken = Math.min(missing, this.#chunk.length - this.#chunkAt);
    this.#buffer.set(this.#chunk.subarray(this.#chunkAt, this.#chunkAt + taken), this.limit);
    this.#chunkAt += taken;
    this.limit += taken;
    return taken === missing;
  }

  #enterChunk(): void {
    this.#origin += this.at - this.#chunkAt;
    this.#buffering = false;
    this.bytes = this.#chunk;
    this.view = new DataView(this.#chunk.buffer, this.#chunk.byteOffset, this.#chunk.length);
    this.at = this.#chunkAt;
    this.limit = this.#chunkAt = this.#chunk.length;
  }

  #enterBuffer(length: number): void {
    const rest = this.bytes.subarray(this.at, this.limit);
    this.#origin += this.at;
    this.#buffering = true;
    this.at = this.limit = 0;
    this.#reserve(length);
    this.#buffer.set(rest);
    this.limit = rest.length;
    this.bytes = this.#buffer;
    this.view = new DataView(this.#buffer.buffer);
  }

  #reserve(length: number): void {
    if (this.#buffer.length >= length) return;
    const buffer = new Uint8Array(Math.max(4096, 2 * length));
    buffer.set(this.#buffer.subarray(0, this.limit));
    this.#buffer = this.bytes = buffer;
    this.view = new DataView(buffer.buffer);
  }
}
