// Records what a real PostgreSQL sends during an audit, through a relay that terminates TLS.

import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import pg from 'pg';
import { type Authority, createAuthority, type IssuedCertificate } from '../../lab/certificates.ts';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { SSL_REQUEST } from '../../lab/faulty-servers.ts';
import { healthyServer } from '../../lab/healthy-server.ts';
import { hostilePostgres, KEY, message, type Peer, row } from '../../lab/hostile-postgres.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';

/** Of the auditor's login, and looked for in everything that is shown. */
export const PASSWORD = 'canary-Pa55w0rd-canary';

/** What a server sends after its login: to ReadyForQuery, then the answer to each query. */
export interface Recording {
  /** Messages, with their headers. */
  readonly turns: readonly (readonly Buffer[])[];
}

export interface Stage extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly authority: Authority;
  /** Of every server here. */
  readonly certificate: IssuedCertificate;
  readonly recording: Recording;
}

/** A healthy server with sessions, rules and a link to another, and the recording of an audit of it. */
export async function setStage(): Promise<Stage> {
  const authority = await createAuthority();
  const certificate = await authority.issue({ dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
  const server = await startPostgres(
    healthyServer({
      tls: { certificate },
      roles: [
        { ...AUDITOR, password: PASSWORD },
        { name: 'app', password: 'x' },
      ],
    }),
  );
  const clients = Array.from(
    { length: 3 },
    () => new pg.Client({ ...server.connectionConfig('app'), ssl: { ca: certificate.rootPem } }),
  );
  await server.adminQuery(
    `CREATE FOREIGN DATA WRAPPER w VALIDATOR postgresql_fdw_validator;
     CREATE SERVER partner FOREIGN DATA WRAPPER w OPTIONS (host 'db.example.com', sslmode 'verify-full')`,
  );
  await Promise.all(clients.map((client) => client.connect()));
  return {
    server,
    authority,
    certificate,
    recording: await record(server, authority, certificate),
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.end()));
      await server[Symbol.asyncDispose]();
    },
  };
}

async function record(
  server: PostgresServer,
  authority: Authority,
  certificate: IssuedCertificate,
): Promise<Recording> {
  const turns: Buffer[][] = [[]];
  const keep = (one: Buffer): void => {
    const type = one.toString('latin1', 0, 1);
    // The login is another one each time.
    if (type !== 'R') turns.at(-1)?.push(timeless(one));
    if (type === 'Z') turns.push([]);
  };
  await using relay = await hostilePostgres(certificate, (peer) => relayTo(server, certificate, peer, keep));
  const secret = rdsSecret(server, 'tls_auditor', { host: relay.host, port: relay.port });
  const { snapshot } = await audit({}, { db: secret, ca: authority.certificatePem });
  if (snapshot.failure !== undefined) throw new Error(`nothing could be recorded: ${snapshot.failure.message}`);
  return { turns: turns.slice(0, -1) };
}

/** Columns of a session's row that are others each time: process, port and start. */
const SESSION_COLUMNS = 15;
const [PID, PORT, START] = [0, 6, 13];

/** The message as it would be in every recording: a seed then gives the same inputs again. */
function timeless(one: Buffer): Buffer {
  const type = one.toString('latin1', 0, 1);
  if (type === 'K') return KEY;
  if (type !== 'D') return one;
  const cells = cellsOf(one).map((cell) => cell?.replaceAll(/(?<=")\/[^"]*(?=\/pg_hba\.conf")/g, '/etc') ?? null);
  if (cells.length !== SESSION_COLUMNS) return row(...cells);
  return row(
    ...cells.map((cell, index) => {
      if (cell === null) return null;
      if (index === PID) return '4711';
      if (index === PORT) return '5000';
      return index === START ? '1767225600.5' : cell;
    }),
  );
}

/** The values of a DataRow. */
export function cellsOf(one: Buffer): readonly (string | null)[] {
  const cells: (string | null)[] = [];
  let at = 7;
  for (let index = 0; index < one.readUInt16BE(5); index += 1) {
    const length = one.readInt32BE(at);
    cells.push(length < 0 ? null : one.toString('utf8', at + 4, at + 4 + length));
    at += 4 + Math.max(0, length);
  }
  return cells;
}

async function relayTo(
  { port }: PostgresServer,
  { rootPem }: IssuedCertificate,
  peer: Peer,
  keep: (one: Buffer) => void,
): Promise<void> {
  const upstream = await connectUpstream(port, rootPem);
  const splitter = new Splitter();
  upstream.on('data', (chunk: Buffer) => {
    for (const one of splitter.push(chunk)) {
      keep(one);
      peer.secure.write(one);
    }
  });
  upstream.on('error', () => peer.reset());
  try {
    for (;;) {
      const { type, body } = await peer.receive();
      // The first message has a length and no type.
      const whole = message(type || '!', body);
      upstream.write(type === '' ? whole.subarray(1) : whole);
    }
  } finally {
    upstream.end();
  }
}

async function connectUpstream(port: number, ca: string): Promise<TLSSocket> {
  const socket = connect(port, '127.0.0.1');
  socket.write(SSL_REQUEST);
  await once(socket, 'data');
  const upstream = connectTls({ socket, ca, host: '127.0.0.1', rejectUnauthorized: true });
  await once(upstream, 'secureConnect');
  return upstream;
}

/** Whole messages of an honest server. */
class Splitter {
  #bytes = Buffer.alloc(0);

  *push(chunk: Buffer): Iterable<Buffer> {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= 5) {
      const end = 1 + this.#bytes.readUInt32BE(1);
      if (this.#bytes.length < end) return;
      yield this.#bytes.subarray(0, end);
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}
