// Starts a server with IAM authentication before a PostgreSQL server: it checks the token of each login.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { IssuedCertificate } from './certificates.ts';
import { SSL_REQUEST } from './faulty-servers.ts';
import type { PostgresServer } from './postgres.ts';

/** The AWS keys that the server believes in. */
export interface IamKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface IamServer extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The tokens that came, in order, and why each was refused; undefined where it was not. */
  readonly logins: readonly { readonly token: string; readonly refusal: string | undefined }[];
}

const ASK_FOR_PASSWORD = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
const REFUSAL = 'PAM authentication failed for user';

/**
 * Asks for a password in clear over TLS, as RDS does of members of rds_iam, and leads a login with a valid token to the
 * server's Unix socket, whose rules must trust the role.
 */
export async function startIamServer(
  upstream: PostgresServer,
  { chainPem, keyPem }: Pick<IssuedCertificate, 'chainPem' | 'keyPem'>,
  keys: IamKeys,
): Promise<IamServer> {
  const logins: { token: string; refusal: string | undefined }[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      if (!first.equals(SSL_REQUEST)) {
        socket.destroy();
        return;
      }
      socket.write('S');
      const secure = new tls.TLSSocket(socket, { isServer: true, cert: chainPem, key: keyPem });
      secure.on('error', () => secure.destroy());
      secure.once('data', (startup: Buffer) => {
        secure.write(ASK_FOR_PASSWORD);
        secure.once('data', (answer: Buffer) => {
          const token = answer.subarray(5, answer.length - 1).toString();
          const refusal = problemOf(token, { role: parameter(startup, 'user'), port: portOf(server), keys });
          logins.push({ token, refusal });
          if (refusal !== undefined) secure.end(refused(parameter(startup, 'user')));
          else lead(secure, startup, upstream);
        });
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: portOf(server),
    logins,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port;
}

function lead(secure: tls.TLSSocket, startup: Buffer, upstream: PostgresServer): void {
  const socket = net.connect(`${upstream.socketFolder}/.s.PGSQL.${upstream.port}`);
  socket.on('error', () => secure.destroy()).on('close', () => secure.destroy());
  secure.on('close', () => socket.destroy());
  socket.write(startup);
  secure.pipe(socket).pipe(secure);
}

function parameter(startup: Buffer, name: string): string {
  const texts = startup.subarray(8).toString().split('\0');
  return texts[texts.findIndex((text, index) => index % 2 === 0 && text === name) + 1] ?? '';
}

/** An ErrorResponse as RDS sends it: severity, SQLSTATE, message, routine. */
function refused(role: string): Buffer {
  const fields = ['SFATAL', 'VFATAL', 'C28000', `M${REFUSAL} "${role}"`, 'Rauth_failed', ''];
  const body = Buffer.from(`${fields.join('\0')}\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** Checks a token as AWS's Signature Version 4 has it: shape, endpoint, role, age and signature. */
function problemOf(
  token: string,
  { role, port, keys }: { readonly role: string; readonly port: number; readonly keys: IamKeys },
): string | undefined {
  const host = `127.0.0.1:${port}`;
  if (!token.startsWith(`${host}/?`)) return 'the token is for another endpoint';
  const query = new URLSearchParams(token.slice(host.length + 2));
  const [key, day = '', region = '', service, end] = query.get('X-Amz-Credential')?.split('/') ?? [];
  const time = query.get('X-Amz-Date') ?? '';
  if (query.get('Action') !== 'connect' || query.get('DBUser') !== role) return 'the token is for another role';
  if (key !== keys.accessKeyId || service !== 'rds-db' || end !== 'aws4_request') return 'the scope is another';
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time) ?? [];
  const [year = 0, month = 1, ...rest] = parts.map(Number);
  const age = Date.now() - Date.UTC(year, month - 1, ...rest);
  if (query.get('X-Amz-Expires') !== '900' || !(Math.abs(age) < 900_000)) return 'the token has expired';
  const signature = query.get('X-Amz-Signature') ?? '';
  query.delete('X-Amz-Signature');
  const encode = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const canonicalQuery = [...query]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const request = ['GET', '/', canonicalQuery, `host:${host}`, '', 'host', sha256('')].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', time, `${day}/${region}/rds-db/aws4_request`, sha256(request)].join('\n');
  const signingKey = [day, region, 'rds-db', 'aws4_request'].reduce<Buffer | string>(
    hmac,
    `AWS4${keys.secretAccessKey}`,
  );
  const expected = hmac(signingKey, toSign).toString('hex');
  const isSigned =
    signature.length === expected.length && timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
  return isSigned ? undefined : 'the signature is another';
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
