// Passes bytes through in both directions, and records the first ones that the other side sends.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** More than any server's first flight: a chain of ten certificates of 4 KB, and their OCSP response. */
const MOST_KEPT = 64 * 1024;

export class RecordingSocket extends Duplex {
  readonly #socket: Socket;
  readonly #kept: Buffer[] = [];
  #length = 0;
  #sent = 0;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#keep(chunk);
      if (!this.push(chunk)) socket.pause();
    });
    socket.once('end', () => this.push(null));
    socket.once('error', (error) => this.destroy(error));
    socket.once('close', () => this.destroy());
  }

  /** The first bytes that came. */
  get received(): Buffer {
    return Buffer.concat(this.#kept);
  }

  /** How many bytes went out. */
  get sent(): number {
    return this.#sent;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#sent += chunk.length;
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #keep(chunk: Buffer): void {
    const room = MOST_KEPT - this.#length;
    if (room <= 0) return;
    const part = chunk.subarray(0, room);
    this.#kept.push(part);
    this.#length += part.length;
  }
}
