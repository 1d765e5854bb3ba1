// Reads one connection log as the command does, in a process of its own, and prints the cost.

import { createReadStream } from 'node:fs';
import { LoginAggregator } from '../lambda/analysis/connection-log/logins.ts';
import { ConnectionLogReader } from '../lambda/analysis/connection-log/reader.ts';

const [, , file = ''] = process.argv;
const start = performance.now();
const aggregator = new LoginAggregator();
const reader = new ConnectionLogReader({ onEvent: (event, record) => aggregator.add(event, record) });
for await (const piece of createReadStream(file, { highWaterMark: 256 * 1024 })) reader.push(piece as Buffer);
reader.end();
const { clients } = aggregator.result();
const milliseconds = performance.now() - start;
const { read: lines, recognised } = reader.counts;
// maxRSS is in kilobytes.
const peakBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ milliseconds, peakBytes, lines, recognised, clients: clients.length }));
