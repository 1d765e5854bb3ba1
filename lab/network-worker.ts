// The process of network-namespace.ts: opens the passages of its network, and runs one invocation of the worker.

import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { createWorkerHandler } from '../lambda/fleet/worker-handler.ts';
import { joined, type Passage } from './network-namespace.ts';

const passages = JSON.parse(process.env.PASSAGES ?? '[]') as readonly Passage[];
for (const { port, socket } of passages) {
  const server = createServer((client) => joined(client, connect(socket)));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
}
const input: unknown = JSON.parse(await text(process.stdin));
const answer = await createWorkerHandler()(input, {
  awsRequestId: 'request-in-namespace',
  getRemainingTimeInMillis: () => 60_000,
});
process.stdout.write(`\nANSWER ${JSON.stringify(answer)}\n`, () => process.exit(0));
