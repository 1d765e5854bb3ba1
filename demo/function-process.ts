// The process that the function runs in, as Lambda would give it one: an event comes in, the handler's answer goes out.

import { randomUUID } from 'node:crypto';
import { handler } from '../lambda/handler.ts';

const TIMEOUT_MS = 5 * 60_000;

// Ctrl-C goes to every process of a terminal, but when this one ends is for its parent to say.
process.on('SIGINT', () => undefined);
// Answered, or left alone by a parent that is no more: either way nobody is waiting.
process.on('disconnect', () => process.exit());

process.once('message', async (event) => {
  const end = Date.now() + TIMEOUT_MS;
  const report = await handler(event, {
    awsRequestId: randomUUID(),
    getRemainingTimeInMillis: () => end - Date.now(),
  });
  process.send?.(report, undefined, undefined, () => process.disconnect());
});
