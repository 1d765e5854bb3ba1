// Lists hostile and broken servers, one row each: before TLS, during login, and in answer to audit queries.

import type net from 'node:net';
import type { FailureCause } from '../lambda/model/failure.ts';
import type { Target } from '../lambda/model/target.ts';
import type { IssuedCertificate } from './certificates.ts';
import {
  auth,
  columns,
  errorMessage,
  type HostileServer,
  hex,
  int16,
  int32,
  KEY,
  letIn,
  message,
  type Peer,
  parameter,
  READY,
  row,
  type Script,
  scram,
  selectDone,
  untilQuery,
} from './hostile-postgres.ts';
import type { PostgresServer } from './postgres.ts';

export interface HostileScenario {
  readonly name: string;
  /** Before TLS. */
  readonly tcp?: (socket: net.Socket) => void;
  /** Behind TLS with a good certificate. */
  readonly script?: Script;
  /** Where one of these does not do. */
  readonly start?: (stage: HostileStage) => Promise<HostileServer>;
  /** Settings of the target besides. */
  readonly target?: Partial<Target>;
  /** What is in the secret when it is read anew. @default the same */
  readonly renewedPassword?: string;
  /** Any of these; undefined is an audit that came to its end, which then must not be clean. */
  readonly causes: readonly (FailureCause | undefined)[];
}

/** What a hostile server can make use of. */
export interface HostileStage {
  /** Good, for the address that is dialled. */
  readonly certificate: IssuedCertificate;
  /** A server whose certificate and password are good for the target too. */
  readonly healthy: PostgresServer;
}

/** The password of the login that the scenarios are tried with. */
export const PASSWORD = 'canary-Pa55w0rd-canary';

const VIOLATION = ['protocol-violation'] as const;
const TOO_LARGE = ['answer-too-large'] as const;
const CLOSED = ['connection-reset', 'timed-out'] as const;
const TIME = ['timed-out'] as const;
/** More than is read, or more than comes in time. */
const FLOOD = ['answer-too-large', 'timed-out'] as const;

// --- before TLS ------------------------------------------------------------------------------------------------------

function answersSslRequest(answer: Uint8Array | string, then: (socket: net.Socket) => void = () => undefined) {
  return (socket: net.Socket): void => {
    socket.once('data', () => {
      socket.write(answer);
      then(socket);
    });
  };
}

export const endless = (chunk: Buffer) => (socket: net.Socket) => {
  const write = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', write);
  write();
};

const BEFORE_TLS: readonly HostileScenario[] = [
  { name: 'takes the connection and says nothing', tcp: () => undefined, causes: TIME },
  { name: 'closes at once', tcp: (socket) => socket.end(), causes: CLOSED },
  { name: 'resets at once', tcp: (socket) => socket.resetAndDestroy(), causes: CLOSED },
  { name: 'offers no TLS', tcp: answersSslRequest('N'), causes: ['tls-not-offered'] },
  { name: 'answers another letter', tcp: answersSslRequest('X'), causes: ['not-postgresql'] },
  {
    name: 'agrees to TLS and adds 200 bytes',
    tcp: answersSslRequest(`S${'x'.repeat(200)}`),
    causes: ['tls-handshake-failed'],
  },
  { name: 'agrees twice', tcp: answersSslRequest('SS'), causes: ['tls-handshake-failed'] },
  {
    name: 'answers an ErrorResponse full of markup before TLS',
    tcp: answersSslRequest(errorMessage({ S: 'FATAL', C: '57P03', M: '<!channel> \u001b[31m \u202e evil' })),
    causes: ['server-not-ready', 'not-postgresql'],
  },
  {
    name: 'answers an error without end',
    tcp: answersSslRequest('E', endless(Buffer.alloc(65_536, 'E'))),
    causes: ['server-not-ready', 'not-postgresql'],
  },
  { name: 'speaks HTTP', tcp: answersSslRequest('HTTP/1.1 400 Bad Request\r\n\r\n'), causes: ['not-postgresql'] },
  { name: 'speaks SSH', tcp: answersSslRequest('SSH-2.0-OpenSSH_9.2\r\n'), causes: ['not-postgresql'] },
  { name: 'speaks first', tcp: (socket) => socket.write('220 mail.example.com ESMTP\r\n'), causes: ['not-postgresql'] },
  { name: 'floods before TLS', tcp: endless(Buffer.alloc(65_536)), causes: ['not-postgresql'] },
  {
    name: 'agrees, then sends garbage for a handshake',
    tcp: answersSslRequest('S', (socket) => socket.once('data', () => socket.end(Buffer.alloc(500, 7)))),
    causes: ['tls-handshake-failed', ...CLOSED],
  },
  { name: 'agrees, then says nothing', tcp: answersSslRequest('S'), causes: TIME },
  {
    name: 'agrees, then hangs up',
    tcp: answersSslRequest('S', (socket) => socket.once('data', () => socket.end())),
    causes: CLOSED,
  },
  {
    name: 'agrees, then sends a fatal alert',
    tcp: answersSslRequest('S', (socket) => socket.once('data', () => socket.end(hex('15 0303 0002 02 28')))),
    causes: ['tls-handshake-failed', ...CLOSED],
  },
  {
    name: 'agrees, then floods',
    tcp: answersSslRequest('S', (socket) => socket.once('data', () => endless(Buffer.alloc(65_536, 0x16))(socket))),
    causes: ['tls-handshake-failed', ...CLOSED],
  },
  {
    name: 'agrees, then drips a ServerHello',
    tcp: answersSslRequest('S', (socket) => {
      const hello = hex('16 0303 0100 02 0000fc 0303');
      let at = 0;
      const timer = setInterval(() => socket.write(hello.subarray(at % hello.length, (at++ % hello.length) + 1)), 50);
      socket.once('close', () => clearInterval(timer));
    }),
    causes: ['tls-handshake-failed', ...CLOSED],
  },
];

// --- login -----------------------------------------------------------------------------------------------------------

/** Answers the startup message, and waits for the client to go. */
function answers(...parts: readonly Uint8Array[]): Script {
  return async (peer) => {
    await peer.receive();
    await peer.send(...parts);
    await peer.gone;
  };
}

export async function flood(peer: Peer, chunk: Buffer): Promise<void> {
  for (;;) await peer.send(chunk);
}

/** @param end what follows the client's first SASL message */
function inScram(...parts: readonly ((nonce: string) => Uint8Array)[]): Script {
  return async (peer) => {
    await peer.receive();
    await peer.send(auth.sasl('SCRAM-SHA-256'));
    const { body } = await peer.receive();
    const nonce = /r=(.*)$/s.exec(body.toString())?.[1] ?? '';
    for (const part of parts) await peer.send(part(nonce));
    await peer.gone;
  };
}

const first = (nonce: string, rest: string): Buffer => auth.saslContinue(`r=${nonce}${rest}`);
const SALT = 'QUJDREVGR0hJSktMTU5PUA==';

const ASKING: readonly HostileScenario[] = [
  ...(
    [
      [1, 'Kerberos 4'],
      [2, 'Kerberos 5'],
      [4, 'crypt'],
      [6, 'SCM credentials'],
      [7, 'GSSAPI'],
      [8, 'GSSAPI, continued'],
      [9, 'SSPI'],
      [13, "Redshift's digest"],
      [42, 'what is unknown'],
      [-1, 'the last code there is'],
    ] as const
  ).map(
    ([code, what]): HostileScenario => ({
      name: `asks for ${what}`,
      script: answers(auth.code(code)),
      causes: ['authentication-unsupported'],
    }),
  ),
  { name: 'asks for the password in clear', script: answers(auth.code(3)), causes: ['authentication-not-allowed'] },
  { name: 'asks for SASL without mechanisms', script: answers(message('R', int32(10), '\0')), causes: VIOLATION },
  {
    name: 'asks for SASL without an end',
    script: answers(message('R', int32(10), 'SCRAM-SHA-256')),
    causes: VIOLATION,
  },
  { name: 'asks for SASL without a body', script: answers(message('R', int32(10))), causes: VIOLATION },
  {
    name: 'offers a hundred mechanisms',
    script: answers(auth.sasl(...Array.from({ length: 100 }, (_, index) => `X${index}`))),
    causes: VIOLATION,
  },
  { name: 'asks for OAuth', script: answers(auth.sasl('OAUTHBEARER')), causes: ['authentication-unsupported'] },
  {
    name: 'offers SCRAM-SHA-1 only',
    script: answers(auth.sasl('SCRAM-SHA-1')),
    causes: ['authentication-unsupported'],
  },
  { name: 'asks for MD5 with a long salt', script: answers(auth.code(5, 'saltsaltsalt')), causes: VIOLATION },
  { name: 'asks for MD5 without salt', script: answers(auth.code(5)), causes: VIOLATION },
  { name: 'asks for the password with a trailer', script: answers(auth.code(3, 'x')), causes: VIOLATION },
  { name: 'asks without a code', script: answers(hex('52 00000004')), causes: VIOLATION },
  { name: 'asks with half a code', script: answers(hex('52 00000006 0000')), causes: VIOLATION },
  { name: 'asks twice', script: answers(auth.code(5, 'salt'), auth.code(5, 'salt')), causes: VIOLATION },
  { name: 'asks for MD5, then in clear', script: answers(auth.code(5, 'salt'), auth.code(3)), causes: VIOLATION },
  {
    name: 'asks for SCRAM, then in clear',
    script: answers(auth.sasl('SCRAM-SHA-256'), auth.code(3)),
    causes: VIOLATION,
  },
  {
    name: 'asks for SCRAM, then GSSAPI',
    script: answers(auth.sasl('SCRAM-SHA-256'), auth.code(7)),
    causes: ['authentication-unsupported'],
  },
  { name: 'lets in with a trailer', script: answers(message('R', int32(0), 'x')), causes: VIOLATION },
];

const SCRAM: readonly HostileScenario[] = [
  {
    name: 'ends SCRAM without any proof',
    script: (peer) => scram(peer, PASSWORD, { final: () => undefined }),
    causes: ['server-not-proved'],
  },
  {
    name: 'lets in right after offering SCRAM',
    script: answers(auth.sasl('SCRAM-SHA-256'), auth.ok, READY),
    causes: ['server-not-proved'],
  },
  {
    name: 'lets in after half of SCRAM',
    script: inScram(
      (nonce) => first(nonce, `xyz,s=${SALT},i=4096`),
      () => auth.ok,
      () => READY,
    ),
    causes: ['server-not-proved'],
  },
  { name: 'proves another password', script: (peer) => scram(peer, 'another password'), causes: ['server-not-proved'] },
  {
    name: 'gives an empty proof',
    script: (peer) => scram(peer, PASSWORD, { final: () => '' }),
    causes: ['server-not-proved', ...VIOLATION],
  },
  {
    name: 'gives an error for a proof, and lets in',
    script: (peer) => scram(peer, PASSWORD, { final: () => 'e=other-error' }),
    causes: ['server-not-proved', 'login-failed'],
  },
  {
    name: 'gives a proof that is no base64',
    script: (peer) => scram(peer, PASSWORD, { final: () => 'v=***' }),
    causes: ['server-not-proved', ...VIOLATION],
  },
  {
    name: 'gives the proof twice',
    script: (peer) => scram(peer, PASSWORD, { final: (signature) => `v=${signature}\0v=${signature}` }),
    causes: ['server-not-proved', ...VIOLATION],
  },
  { name: 'proves before it has asked', script: answers(auth.saslFinal('v=AAAA'), auth.ok), causes: VIOLATION },
  {
    name: 'continues before it has asked',
    script: answers(auth.saslContinue(`r=x,s=${SALT},i=4096`)),
    causes: VIOLATION,
  },
  {
    name: 'asks for one iteration',
    script: inScram((nonce) => first(nonce, `xyz,s=${SALT},i=1`)),
    causes: ['authentication-not-allowed'],
  },
  {
    name: 'asks for 4,095 iterations',
    script: inScram((nonce) => first(nonce, `xyz,s=${SALT},i=4095`)),
    causes: ['authentication-not-allowed'],
  },
  ...['0', '-1', '', '4096x', '1e9', '99999999999999999999', '4 096'].map(
    (iterations): HostileScenario => ({
      name: `asks for "${iterations}" iterations`,
      script: inScram((nonce) => first(nonce, `xyz,s=${SALT},i=${iterations}`)),
      causes: VIOLATION,
    }),
  ),
  ...['1000001', '2147483647', '9999999999'].map(
    (iterations): HostileScenario => ({
      name: `asks for ${iterations} iterations`,
      script: inScram((nonce) => first(nonce, `xyz,s=${SALT},i=${iterations}`)),
      causes: TOO_LARGE,
    }),
  ),
  {
    name: 'gives another nonce',
    script: inScram(() => auth.saslContinue(`r=other,s=${SALT},i=4096`)),
    causes: ['server-not-proved', ...VIOLATION],
  },
  {
    name: 'gives our nonce back',
    script: inScram((nonce) => first(nonce, `,s=${SALT},i=4096`)),
    causes: ['server-not-proved', ...VIOLATION],
  },
  { name: 'gives no salt', script: inScram((nonce) => first(nonce, 'xyz,s=,i=4096')), causes: VIOLATION },
  {
    name: 'gives salt that is no base64',
    script: inScram((nonce) => first(nonce, 'xyz,s=!!,i=4096')),
    causes: VIOLATION,
  },
  { name: 'continues with nothing', script: inScram(() => auth.saslContinue('')), causes: VIOLATION },
  {
    name: 'continues with 8 KiB',
    script: inScram((nonce) => first(nonce, `${'x'.repeat(9000)},s=${SALT},i=4096`)),
    causes: TOO_LARGE,
  },
  {
    name: 'continues 2,000 times',
    script: inScram((nonce) =>
      Buffer.concat(Array.from({ length: 2_000 }, () => first(nonce, `xyz,s=${SALT},i=4096`))),
    ),
    causes: VIOLATION,
  },
  {
    name: 'asks for a million iterations, login after login',
    script: async (peer) => {
      await inScram((nonce) => first(nonce, `xyz,s=${SALT},i=1000000`))({ ...peer, gone: Promise.resolve() });
      await peer.receive();
      peer.reset();
    },
    causes: [...TOO_LARGE, ...CLOSED],
  },
];

const LOGIN_MESSAGES: readonly HostileScenario[] = [
  { name: 'sends an ErrorResponse without its final NUL', script: answers(hex('45 00000005 53')), causes: VIOLATION },
  { name: 'sends an ErrorResponse without a body', script: answers(hex('45 00000004')), causes: VIOLATION },
  {
    name: 'sends an ErrorResponse of a NUL only',
    script: answers(hex('45 00000005 00')),
    causes: VIOLATION,
  },
  {
    name: 'sends an ErrorResponse whose field has no end',
    script: answers(message('E', 'SFATAL\0Mnever ends')),
    causes: VIOLATION,
  },
  {
    name: 'sends an ErrorResponse of 1 MiB',
    script: answers(errorMessage({ S: 'FATAL', C: '28000', M: 'x'.repeat(1_048_576) })),
    causes: TOO_LARGE,
  },
  { name: 'announces an ErrorResponse of 2 GiB', script: answers(hex('45 7fffffff 53')), causes: TOO_LARGE },
  {
    name: 'quotes what it was sent in an error',
    script: async (peer) => {
      const { body } = await peer.receive();
      await peer.send(
        errorMessage({
          S: 'FATAL',
          C: '28P01',
          M: `password "${PASSWORD}" is not right, ${body.toString('base64')}`,
          D: PASSWORD,
          H: encodeURIComponent(PASSWORD),
        }),
      );
    },
    causes: ['password-rejected'],
  },
  {
    name: 'quotes the password in hexadecimal',
    script: answers(errorMessage({ S: 'FATAL', C: '28000', M: Buffer.from(PASSWORD).toString('hex') })),
    causes: ['login-refused', 'login-failed'],
  },
  {
    name: 'writes escapes, bidi and markup into an error',
    script: answers(errorMessage({ S: 'FATAL', C: '28000', M: '\u001b]0;x\u0007 \u202e <!channel> [x](http://e) |' })),
    causes: ['login-refused', 'login-failed'],
  },
  {
    name: 'gives a number for a SQLSTATE',
    script: answers(errorMessage({ S: 'FATAL', C: '42', M: 'x' })),
    causes: VIOLATION,
  },
  {
    name: 'gives an error without fields that count',
    script: answers(errorMessage({ Z: 'x' })),
    causes: VIOLATION,
  },
  { name: 'sends a NoticeResponse without a body', script: answers(hex('4e 00000004')), causes: VIOLATION },
  {
    name: 'floods with notices',
    script: async (peer) => {
      await peer.receive();
      await flood(peer, Buffer.concat(Array.from({ length: 100 }, () => message('N', 'SNOTICE\0\0'))));
    },
    causes: FLOOD,
  },
  {
    name: 'floods with parameters',
    script: async (peer) => {
      await peer.receive();
      await peer.send(auth.ok);
      for (let index = 0; ; index += 1) await peer.send(parameter(`p${index}`, 'x'.repeat(1_000)));
    },
    causes: FLOOD,
  },
  {
    name: 'floods with long notices',
    script: async (peer) => {
      await peer.receive();
      await flood(peer, message('N', `M${'x'.repeat(200_000)}\0\0`));
    },
    causes: FLOOD,
  },
  { name: 'sends a parameter before letting in', script: answers(parameter('a', 'b')), causes: VIOLATION },
  { name: 'sends a parameter without a value', script: answers(auth.ok, message('S', 'a\0')), causes: VIOLATION },
  { name: 'sends a parameter without an end', script: answers(auth.ok, message('S', 'a\0b')), causes: VIOLATION },
  { name: 'sends a parameter of three texts', script: answers(auth.ok, message('S', 'a\0b\0c\0')), causes: VIOLATION },
  { name: 'sends a short BackendKeyData', script: answers(auth.ok, message('K', int32(1))), causes: VIOLATION },
  { name: 'sends an empty BackendKeyData', script: answers(auth.ok, message('K')), causes: VIOLATION },
  {
    name: 'sends a BackendKeyData of 4 KiB',
    script: answers(auth.ok, message('K', Buffer.alloc(4_096))),
    causes: TOO_LARGE,
  },
  { name: 'sends a BackendKeyData before letting in', script: answers(KEY), causes: VIOLATION },
  { name: 'sends a ReadyForQuery of length 0', script: answers(auth.ok, hex('5a 00000000')), causes: VIOLATION },
  { name: 'sends a ReadyForQuery without a status', script: answers(auth.ok, message('Z')), causes: VIOLATION },
  {
    name: 'sends a ReadyForQuery of an unknown status',
    script: answers(auth.ok, message('Z', 'X')),
    causes: VIOLATION,
  },
  { name: 'is ready before it lets in', script: answers(READY), causes: VIOLATION },
  { name: 'sends a message of type 0x00', script: answers(hex('00 00000004')), causes: VIOLATION },
  { name: 'sends a message of type 0xff', script: answers(hex('ff 00000004')), causes: VIOLATION },
  { name: 'sends a message of type "!"', script: answers(message('!', 'x')), causes: VIOLATION },
  { name: 'sends length 3', script: answers(hex('52 00000003')), causes: VIOLATION },
  { name: 'sends length 4,294,967,295', script: answers(hex('52 ffffffff')), causes: TOO_LARGE },
  { name: 'negotiates another protocol version', script: answers(message('v', int32(0), int32(0))), causes: VIOLATION },
  { name: 'starts COPY in the login', script: answers(message('G', hex('00 0000'))), causes: VIOLATION },
  { name: 'sends a row in the login', script: answers(row('x')), causes: VIOLATION },
  { name: 'announces columns in the login', script: answers(columns(1)), causes: VIOLATION },
  { name: 'completes a command in the login', script: answers(selectDone(1)), causes: VIOLATION },
  { name: 'notifies in the login', script: answers(auth.ok, message('A', int32(1), 'a\0b\0')), causes: VIOLATION },
  { name: 'lets in and says nothing more', script: answers(auth.ok), causes: TIME },
  {
    name: 'lets in and hangs up',
    script: async (peer) => {
      await peer.receive();
      peer.end(auth.ok);
    },
    causes: CLOSED,
  },
  {
    name: 'lets in and resets',
    script: async (peer) => {
      await peer.receive();
      await peer.send(auth.ok);
      peer.reset();
    },
    causes: CLOSED,
  },
  {
    name: 'hangs up in the middle of a header',
    script: async (peer) => {
      await peer.receive();
      peer.end(hex('52 0000'));
    },
    causes: CLOSED,
  },
  {
    name: 'drips a login, a byte at a time',
    script: async (peer) => {
      await peer.receive();
      for (const byte of Buffer.concat([auth.ok, KEY, READY])) {
        await peer.send(Buffer.from([byte]));
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    },
    causes: TIME,
  },
];

// --- queries ---------------------------------------------------------------------------------------------------------

/** Lets in, and answers the first query so. */
function answersQuery(...parts: readonly Uint8Array[]): Script {
  return async (peer) => {
    await untilQuery(peer);
    await peer.send(...parts);
    await peer.gone;
  };
}

const IN_PART: readonly FailureCause[] = [
  'version-unknown',
  'protocol-violation',
  'answer-incomplete',
  'query-failed',
  'connection-reset',
];
const COMPLETE = (tag: string): Buffer => message('C', `${tag}\0`);

const QUERIES: readonly HostileScenario[] = [
  { name: 'asks for the password after login', script: answersQuery(auth.code(3)), causes: VIOLATION },
  { name: 'asks for MD5 after login', script: answersQuery(auth.code(5, 'salt')), causes: VIOLATION },
  { name: 'asks for SCRAM after login', script: answersQuery(auth.sasl('SCRAM-SHA-256')), causes: VIOLATION },
  { name: 'asks for GSSAPI after login', script: answersQuery(auth.code(7)), causes: VIOLATION },
  { name: 'lets in twice', script: answersQuery(auth.ok), causes: VIOLATION },
  {
    name: 'asks in clear between login and query',
    script: async (peer) => {
      await peer.receive();
      await peer.send(auth.ok, auth.code(3), READY);
      await peer.gone;
    },
    causes: VIOLATION,
  },
  { name: 'announces 65,535 columns', script: answersQuery(hex('54 00000006 ffff')), causes: VIOLATION },
  {
    name: 'announces 40,000 columns, all of them',
    script: answersQuery(columns(40_000)),
    causes: [...VIOLATION, ...TOO_LARGE],
  },
  { name: 'announces 1,665 columns', script: answersQuery(columns(1_665)), causes: VIOLATION },
  { name: 'announces columns without a body', script: answersQuery(message('T')), causes: VIOLATION },
  {
    name: 'announces a column without an end',
    script: answersQuery(message('T', int16(1), 'name')),
    causes: VIOLATION,
  },
  {
    name: 'announces a column and stops',
    script: answersQuery(message('T', int16(1), 'name\0', int32(0))),
    causes: VIOLATION,
  },
  {
    name: 'announces a column in binary form',
    script: answersQuery(message('T', int16(1), 'c\0', int32(0), int16(0), int32(23), int16(4), int32(-1), int16(1))),
    causes: VIOLATION,
  },
  {
    name: 'announces columns and adds some bytes',
    script: answersQuery(message('T', int16(0), 'xyz')),
    causes: VIOLATION,
  },
  { name: 'announces columns twice', script: answersQuery(columns(1), columns(1)), causes: VIOLATION },
  {
    name: 'sends a row of 1,000 fields without data',
    script: answersQuery(columns(1), hex('44 00000006 03e8')),
    causes: VIOLATION,
  },
  { name: 'sends a row without announcing it', script: answersQuery(row('x')), causes: VIOLATION },
  { name: 'sends a row of other columns', script: answersQuery(columns(2), row('x')), causes: VIOLATION },
  { name: 'sends a row without a body', script: answersQuery(columns(1), message('D')), causes: VIOLATION },
  {
    name: 'sends a value of length -2',
    script: answersQuery(columns(1), message('D', int16(1), int32(-2))),
    causes: VIOLATION,
  },
  {
    name: 'sends a value longer than its row',
    script: answersQuery(columns(1), message('D', int16(1), int32(100), 'x')),
    causes: VIOLATION,
  },
  {
    name: 'sends a row with bytes left over',
    script: answersQuery(columns(1), message('D', int16(1), int32(1), 'xyz')),
    causes: VIOLATION,
  },
  {
    name: 'announces a row of 2 GiB and drips',
    script: async (peer) => {
      await untilQuery(peer);
      await peer.send(columns(1), hex('44 7fffffff 0001 7ffffff0'));
      for (;;) {
        await peer.send(Buffer.from('x'));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    causes: TOO_LARGE,
  },
  {
    name: 'sends a value of 600 MB',
    script: async (peer) => {
      await untilQuery(peer);
      await peer.send(columns(1), hex('44 23c34609 0001 23c34600'));
      await flood(peer, Buffer.alloc(1_048_576, 'x'));
    },
    causes: FLOOD,
  },
  {
    name: 'sends rows without end',
    script: async (peer) => {
      await untilQuery(peer);
      await peer.send(columns(1));
      await flood(peer, Buffer.concat(Array.from({ length: 1_000 }, () => row('x'))));
    },
    causes: FLOOD,
  },
  {
    name: 'sends long rows without end',
    script: async (peer) => {
      await untilQuery(peer);
      await peer.send(columns(1));
      await flood(peer, row('x'.repeat(1_000_000)));
    },
    causes: FLOOD,
  },
  {
    name: 'sends rows of a thousand columns without end',
    script: async (peer) => {
      await untilQuery(peer);
      await peer.send(columns(1_000));
      await flood(
        peer,
        Buffer.concat(Array.from({ length: 20 }, () => row(...Array.from({ length: 1_000 }, () => 'ab')))),
      );
    },
    causes: FLOOD,
  },
  {
    name: 'drips rows for ever',
    script: async (peer) => {
      await untilQuery(peer);
      await peer.send(columns(1));
      for (;;) {
        await peer.send(row('x'));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    causes: TIME,
  },
  {
    name: 'completes commands without end',
    script: async (peer) => {
      await untilQuery(peer);
      await flood(peer, Buffer.concat(Array.from({ length: 1_000 }, () => COMPLETE('BEGIN'))));
    },
    causes: FLOOD,
  },
  {
    name: 'notifies without end',
    script: async (peer) => {
      await untilQuery(peer);
      await flood(peer, Buffer.concat(Array.from({ length: 1_000 }, () => message('A', int32(1), 'a\0b\0'))));
    },
    causes: FLOOD,
  },
  { name: 'sends a malformed notification', script: answersQuery(message('A', int32(1), 'a')), causes: VIOLATION },
  ...(
    [
      ['G', 'COPY in'],
      ['H', 'COPY out'],
      ['W', 'COPY both'],
      ['d', 'COPY data'],
      ['c', 'the end of COPY'],
      ['I', 'EmptyQueryResponse'],
      ['n', 'NoData'],
      ['1', 'ParseComplete'],
      ['2', 'BindComplete'],
      ['3', 'CloseComplete'],
      ['s', 'PortalSuspended'],
      ['t', 'ParameterDescription'],
      ['V', 'FunctionCallResponse'],
      ['v', 'NegotiateProtocolVersion'],
      ['w', 'an unknown type'],
    ] as const
  ).map(
    ([type, what]): HostileScenario => ({
      name: `answers a query with ${what}`,
      script: answersQuery(message(type)),
      causes: VIOLATION,
    }),
  ),
  { name: 'sends its key again', script: answersQuery(KEY), causes: VIOLATION },
  { name: 'completes a command without an end', script: answersQuery(message('C', 'SELECT')), causes: VIOLATION },
  { name: 'sends a malformed ErrorResponse', script: answersQuery(hex('45 00000005 53')), causes: VIOLATION },
  { name: 'is ready at once', script: answersQuery(READY), causes: IN_PART },
  {
    name: 'is ready before anything was asked',
    script: async (peer) => {
      await letIn(peer);
      await peer.send(READY, READY);
      await peer.gone;
    },
    causes: [...VIOLATION, ...IN_PART],
  },
  { name: 'is ready in the middle of rows', script: answersQuery(columns(1), row('x'), READY), causes: VIOLATION },
  { name: 'answers the first statement only', script: answersQuery(COMPLETE('BEGIN'), READY), causes: IN_PART },
  {
    name: 'answers with one SELECT',
    script: answersQuery(columns(1), row('x'), selectDone(1), READY),
    causes: IN_PART,
  },
  {
    name: 'loses a row on the way',
    script: answersQuery(columns(1), row('x'), selectDone(2), READY),
    causes: VIOLATION,
  },
  {
    name: 'ends a SELECT after the command behind it',
    script: answersQuery(columns(1), row('x'), COMPLETE('COMMIT'), selectDone(1), READY),
    causes: VIOLATION,
  },
  {
    name: 'sends a row twice',
    script: answersQuery(columns(1), row('x'), row('x'), selectDone(1), READY),
    causes: VIOLATION,
  },
  { name: 'never comes to an end', script: answersQuery(COMPLETE('BEGIN')), causes: TIME },
  {
    name: 'hangs up in the middle of a row',
    script: async (peer) => {
      await untilQuery(peer);
      peer.end(columns(1), hex('44 00000010 0001'));
    },
    causes: CLOSED,
  },
  {
    name: 'resets in the middle of a row',
    script: async (peer) => {
      await untilQuery(peer);
      await peer.send(columns(1), hex('44 00000010 0001'));
      peer.reset();
    },
    causes: CLOSED,
  },
  {
    name: 'refuses with an error and says no more',
    script: answersQuery(errorMessage({ S: 'ERROR', C: '42501', M: 'permission denied' })),
    causes: ['query-failed', 'timed-out'],
  },
  {
    name: 'announces version 99',
    script: (peer) => untilQuery(peer, '99.1').then(() => peer.send(READY)),
    causes: IN_PART,
  },
  {
    name: 'announces a version of 60 KB',
    script: (peer) => untilQuery(peer, 'v'.repeat(60_000)).then(() => peer.send(READY)),
    causes: [...IN_PART, 'wrong-kind'],
  },
  {
    name: 'announces a version of control characters',
    script: (peer) => untilQuery(peer, '18\u001b[31m\u202e').then(() => peer.send(READY)),
    causes: [...IN_PART, 'wrong-kind'],
  },
];

/** The same amount of nonsense in every place of the audit's answers. */
const SELECTS = 12;
const LIES: readonly HostileScenario[] = (
  [
    ['nothing', []],
    ['NULLs', [null]],
    ['text where numbers belong', ['not a number']],
    ['numbers out of range', ['1e400', '-99999999999999999999', 'NaN']],
    ['JSON of the wrong type', ['{"a":1}', '[]', 'null', '[[[[']],
    ['times that do not exist', ['infinity', '-1', '99999999999999', '0000-00-00']],
    ['the password', [PASSWORD]],
    ['120 kB of text', ['x'.repeat(120_000)]],
    ['control characters', ['\u001b[2J\u202e\u0000'.replaceAll('\0', '\u0001')]],
  ] as const
).map(([what, values]) => ({
  name: `answers every question with ${what}`,
  script: async (peer: Peer) => {
    await untilQuery(peer);
    const select = Buffer.concat([
      columns(40),
      ...values.map((value) => row(...Array.from({ length: 40 }, () => value))),
      selectDone(values.length),
    ]);
    const sets = Array.from({ length: 4 }, () => COMPLETE('SET'));
    for (const count of [SELECTS]) {
      await peer.send(
        COMPLETE('BEGIN'),
        ...sets,
        ...Array.from({ length: count }, () => select),
        COMPLETE('COMMIT'),
        READY,
      );
    }
    await peer.gone;
  },
  causes: [...IN_PART, 'answer-unusable', 'internal-error', 'timed-out'],
}));

/** Those of one connection. `hostile-kinds.ts` has the others. */
export const SCRIPTED_SCENARIOS: readonly HostileScenario[] = [
  ...BEFORE_TLS,
  ...ASKING,
  ...SCRAM,
  ...LOGIN_MESSAGES,
  ...QUERIES,
  ...LIES,
];
