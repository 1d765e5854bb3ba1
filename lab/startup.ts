// Sends the first message of a client, and reads from the first answer which rule of pg_hba.conf applied.

import type { Destination } from '../lambda/analysis/pg-hba/names.ts';

/** What the server asked for before it lets a connection in, or that it refused. */
export type Answer = 'nothing' | 'password' | 'md5' | 'scram' | 'refused';

/** "StartupMessage" in PostgreSQL's protocol documentation, "Message Formats". */
export function startupMessage(destination: Destination, role: string): Buffer {
  const parameters =
    destination === 'physical-replication'
      ? ['user', role, 'replication', 'true']
      : ['user', role, 'database', destination.database];
  const body = Buffer.from(`${parameters.join('\0')}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, body]);
}

const REQUESTS: Readonly<Record<number, Answer>> = { 0: 'nothing', 3: 'password', 5: 'md5', 10: 'scram' };

/** @throws Error for an answer that has nothing to do with pg_hba.conf */
export function answerIn(reply: Buffer): Answer {
  const type = reply.toString('latin1', 0, 1);
  const answer = type === 'R' ? REQUESTS[reply.readInt32BE(5)] : undefined;
  if (answer !== undefined) return answer;
  const text = reply.toString('utf8');
  if (type === 'E' && text.includes('\0C28000\0') && text.includes('pg_hba.conf')) return 'refused';
  throw new Error(`unexpected answer: ${text}`);
}
