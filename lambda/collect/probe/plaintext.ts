// Opens the probe's plaintext connection, reads the first answer to a login, and closes it.

import type { Socket } from 'node:net';
import type { Observed } from '../../model/observed.ts';
import type { PlaintextAnswer } from '../../model/probe.ts';
import { socketEvent } from '../connect/network.ts';
import { LONGEST_ANSWER, readStartupAnswer, TERMINATE } from './startup.ts';

/** Milliseconds for a server that let us in to close the connection. */
const CLOSE_TIMEOUT_MS = 500;

/** Reads up to the end of the first message, and not a byte more than an answer may have. */
export async function firstAnswer(socket: Socket, signal: AbortSignal): Promise<Observed<PlaintextAnswer>> {
  let bytes = Buffer.alloc(0);
  socket.pause();
  for (;;) {
    socket.resume();
    const [chunk] = (await socketEvent(socket, 'data', signal)) as [Buffer];
    socket.pause();
    bytes = Buffer.concat([bytes, chunk.subarray(0, LONGEST_ANSWER + 1 - bytes.length)]);
    const answer = readStartupAnswer(bytes);
    if (answer === undefined) continue;
    if (answer.known && answer.value.accepted && answer.value.authentication === 'none') await leave(socket, signal);
    return answer;
  }
}

/** We were let in: sends Terminate, so that the session ends as sessions do. */
async function leave(socket: Socket, signal: AbortSignal): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
  signal.addEventListener('abort', () => resolve(), { once: true });
  socket.once('close', () => resolve());
  socket.resume().end(TERMINATE);
  await closed;
  clearTimeout(timer);
}
