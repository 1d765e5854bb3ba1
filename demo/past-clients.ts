// Lets clients come and go before the audit: only the connection log shows them.

import pg from 'pg';
import type { PostgresServer } from '../lab/postgres.ts';
import { openSession } from '../lab/sessions.ts';
import type { PlantedClient } from './planted.ts';

/** How often a client that falls back does so. */
const TIMES = 3;

/** Does nothing for a client whose sessions are open. */
export async function comeAndGo(server: PostgresServer, client: PlantedClient): Promise<void> {
  for (const applicationName of client.gone === undefined ? [] : client.applications) {
    for (let time = 0; time < (client.gone === 'fell-back' ? TIMES : 1); time += 1) {
      if (client.gone === 'fell-back') await failHandshake(server, client.role);
      await (await openSession(server, { ...client, applicationName }))[Symbol.asyncDispose]();
    }
  }
}

/** With cipher suites that the server does not have. A client on sslmode=prefer then connects without encryption. */
async function failHandshake(server: PostgresServer, role: string): Promise<void> {
  const { ca } = server;
  const client = new pg.Client({
    ...server.connectionConfig(role),
    ssl: { ca, maxVersion: 'TLSv1.2', ciphers: 'NULL-SHA256:@SECLEVEL=0' },
  });
  client.on('error', () => undefined);
  const failed = await client.connect().then(
    () => false,
    () => true,
  );
  if (!failed) throw new Error('the server has a cipher suite without encryption');
}
