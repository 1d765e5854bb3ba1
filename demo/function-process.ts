// The process that the function runs in, as Lambda would give it one: events come in, the handler's answers go out.

import { randomUUID } from 'node:crypto';
import { createHandler } from '../lambda/handler.ts';

const TIMEOUT_MS = 5 * 60_000;

/** What the parent sends, before it sends `end`. */
export interface FunctionInput {
  readonly event: object;
  /** Added to the machine's time: for this function it is so much later. */
  readonly laterMs: number;
}

let laterMs = 0;
const handler = createHandler({ clock: () => new Date(Date.now() + laterMs) });

// Ctrl-C goes to every process of a terminal, but when this one ends is for its parent to say.
process.on('SIGINT', () => undefined);
// Let go by its parent, or left alone by one that is no more.
process.on('disconnect', () => process.exit());

process.on('message', async (input: FunctionInput | 'end') => {
  if (input === 'end') {
    process.disconnect();
    return;
  }
  laterMs = input.laterMs;
  const end = Date.now() + TIMEOUT_MS;
  const report = await handler(input.event, {
    awsRequestId: randomUUID(),
    getRemainingTimeInMillis: () => end - Date.now(),
  });
  process.send?.(report);
});
