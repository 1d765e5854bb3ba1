// The databases of a simulated week: three real servers, clients that come and go, a certificate that ends soon.

import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { daysFromNow, type IssuedCertificate } from '../../lab/certificates.ts';
import { HEALTHY_HBA, healthyServer, LOOPBACK_PLAINTEXT_HBA } from '../../lab/healthy-server.ts';
import { serverAccount } from '../../lab/lab-folder.ts';
import { AUDITOR, labAuthority, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { type ClientSession, openSession } from '../../lab/sessions.ts';

export const HOUR_MS = 3_600_000;

/** Their teams. */
export const TARGETS = { shop: 'shop', billing: 'payments', ledger: 'payments' } as const;
export type TargetName = keyof typeof TARGETS;

/** Programs that connect without TLS, each with a role of its own. */
const CLIENTS = { worker: 'shop', invoices: 'billing', legacy: 'billing' } as const satisfies Record<
  string,
  TargetName
>;
export type ClientName = keyof typeof CLIENTS;

export interface World extends AsyncDisposable {
  /** When the week begins: about now, as the certificates are valid. */
  readonly start: Date;
  readonly servers: Readonly<Record<TargetName, PostgresServer>>;
  /** Connects a program; nothing where it is connected. */
  connect(client: ClientName): Promise<void>;
  disconnect(client: ClientName): Promise<void>;
  /** What `ledger` presents: a certificate that ends 16 days after the beginning of the week, or one that does not. */
  present(certificate: 'ending' | 'renewed'): Promise<void>;
  stop(target: TargetName): Promise<void>;
  restart(target: TargetName): Promise<void>;
  /** As at the beginning of the week. */
  reset(): Promise<void>;
}

export async function createWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const authority = await labAuthority();
  const start = new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS);
  const certificates = {
    ending: await authority.issue({ notAfter: new Date(start.getTime() + 16 * 24 * HOUR_MS) }),
    renewed: await authority.issue({ notAfter: daysFromNow(80) }),
  };
  const startServer = async (name: TargetName): Promise<PostgresServer> => {
    const roles = Object.entries(CLIENTS).flatMap(([client, target]) => (target === name ? [{ name: client }] : []));
    const tls = name === 'ledger' ? { tls: { certificate: certificates.ending } } : {};
    return stack.use(await startPostgres(healthyServer({ roles: [AUDITOR, ...roles], databases: ['app'], ...tls })));
  };
  const servers = {
    shop: await startServer('shop'),
    billing: await startServer('billing'),
    ledger: await startServer('ledger'),
  };
  for (const [name, certificate] of Object.entries(certificates)) await install(servers.ledger, name, certificate);

  const sessions = new Map<ClientName, ClientSession>();
  let presented: keyof typeof certificates = 'ending';
  const connect: World['connect'] = async (client) => {
    if (sessions.has(client)) return;
    const server = servers[CLIENTS[client]];
    // The rule that let it in is gone when the auditor comes: what it has opened goes on.
    await server.setHba(LOOPBACK_PLAINTEXT_HBA);
    sessions.set(client, await openSession(server, { kind: 'plaintext', role: client, applicationName: client }));
    await server.setHba(HEALTHY_HBA);
  };
  const disconnect: World['disconnect'] = async (client) => {
    await sessions.get(client)?.[Symbol.asyncDispose]();
    sessions.delete(client);
  };
  const present: World['present'] = async (certificate) => {
    if (presented === certificate) return;
    presented = certificate;
    await servers.ledger.set({ ssl_cert_file: `${certificate}.crt`, ssl_key_file: `${certificate}.key` });
  };
  const held = stack.move();
  return {
    start,
    servers,
    connect,
    disconnect,
    present,
    stop: async (target) => {
      for (const [client] of sessions) if (CLIENTS[client] === target) await disconnect(client);
      await servers[target].stop();
    },
    restart: (target) => servers[target].start(),
    async reset() {
      for (const client of [...sessions.keys()]) await disconnect(client);
      await present('ending');
    },
    async [Symbol.asyncDispose]() {
      for (const client of [...sessions.keys()]) await disconnect(client);
      await held.disposeAsync();
    },
  };
}

async function install(server: PostgresServer, name: string, certificate: IssuedCertificate): Promise<void> {
  for (const [ending, pem] of [
    ['crt', certificate.chainPem],
    ['key', certificate.keyPem],
  ]) {
    const path = join(server.dataFolder, `${name}.${ending}`);
    await writeFile(path, pem ?? '', { mode: 0o600 });
    if (serverAccount !== undefined) await chown(path, serverAccount.uid, serverAccount.gid);
  }
}
