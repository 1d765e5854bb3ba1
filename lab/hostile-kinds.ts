// Lists hostile servers that act over several connections: TLS, retries, consoles and the wire probe.

import { setTimeout as wait } from 'node:timers/promises';
import type { FailureCause } from '../lambda/model/failure.ts';
import { selfSigned } from './certificates.ts';
import {
  auth,
  type Connection,
  columns,
  errorMessage,
  hex,
  hostileInTurn,
  hostilePostgres,
  int16,
  int32,
  KEY,
  letIn,
  message,
  type Peer,
  parameter,
  READY,
  relayingTo,
  row,
  type Script,
  scram,
  servingTls,
  untilQuery,
} from './hostile-postgres.ts';
import { endless, flood, type HostileScenario, PASSWORD } from './hostile-scenarios.ts';

const CLOSED = ['connection-reset', 'timed-out'] as const;
const FLOOD = ['answer-too-large', 'timed-out'] as const;
const BROKEN_TLS = [...CLOSED, 'tls-handshake-failed', 'login-failed', 'query-failed'] as const;

const silent: Connection = () => undefined;
const resetting: Connection = (socket) => void socket.resetAndDestroy();
const flooding: Connection = (socket) => endless(Buffer.alloc(65_536, 0x16))(socket);

// --- TLS -------------------------------------------------------------------------------------------------------------

const TLS: readonly HostileScenario[] = [
  {
    name: 'asks for a new handshake again and again, after login',
    start: ({ certificate }) =>
      hostilePostgres(
        certificate,
        async (peer) => {
          await letIn(peer);
          for (;;) {
            await new Promise<void>((resolve) => peer.secure.renegotiate({ requestCert: false }, () => resolve()));
          }
        },
        { maxVersion: 'TLSv1.2' },
      ),
    causes: BROKEN_TLS,
  },
  {
    name: 'lets in, says goodbye to TLS and keeps TCP open',
    script: async (peer) => {
      await letIn(peer);
      peer.end();
      await peer.gone;
    },
    causes: CLOSED,
  },
  {
    name: 'says goodbye to TLS in the middle of a row and keeps TCP open',
    script: async (peer) => {
      await untilQuery(peer);
      peer.end(columns(1), hex('44 00000010 0001'));
      await peer.gone;
    },
    causes: CLOSED,
  },
  {
    name: 'ends TCP in the middle of a row without a word of TLS',
    script: async (peer) => {
      await untilQuery(peer);
      await peer.send(columns(1), hex('44 00000010 0001'));
      peer.socket.destroySoon();
      await peer.gone;
    },
    causes: CLOSED,
  },
  {
    name: 'lets in and reads nothing any more',
    script: async (peer) => {
      await letIn(peer);
      peer.socket.pause();
      await peer.gone;
    },
    causes: ['timed-out'],
  },
  ...(
    [
      ['bytes that are no TLS', Buffer.alloc(300, 0x41)],
      ['an alert that nothing encrypts', hex('15 0303 0002 02 28')],
      ['a warning that nothing encrypts', hex('15 0303 0002 01 00')],
      ['a record that is not encrypted', hex(`17 0303 0020 ${'00'.repeat(32)}`)],
      ['a record of 65,535 bytes', Buffer.concat([hex('17 0303 ffff'), Buffer.alloc(65_535)])],
      ['a new ServerHello', hex(`16 0303 002a 02 000026 0303 ${'ab'.repeat(32)} 00 1301 00`)],
    ] as const
  ).map(
    ([what, bytes]): HostileScenario => ({
      name: `sends, below TLS and after login, ${what}`,
      script: async (peer) => {
        await letIn(peer);
        peer.socket.write(bytes);
        await peer.gone;
      },
      causes: BROKEN_TLS,
    }),
  ),
  {
    name: 'sends a login in records of one byte, and rows in such without end',
    script: async (peer) => {
      await untilQuery(peer);
      for (const byte of Buffer.concat([columns(1), row('abc')])) await peer.send(Buffer.of(byte));
      const bytes = row('x');
      for (;;) for (const byte of bytes) await peer.send(Buffer.of(byte));
    },
    causes: FLOOD,
  },
  {
    name: 'presents its certificate 400 times',
    start: ({ certificate }) =>
      hostilePostgres({ ...certificate, chainPem: certificate.chainPem.repeat(400) }, async (peer) => await peer.gone),
    causes: BROKEN_TLS,
  },
  {
    name: 'presents its certificate 40 times, then says nothing',
    start: ({ certificate }) =>
      hostilePostgres({ ...certificate, chainPem: certificate.chainPem.repeat(40) }, async (peer) => await peer.gone),
    causes: ['timed-out'],
  },
];

// --- the second connection, for a refused certificate ----------------------------------------------------------------

const SECOND_CONNECTIONS: readonly (readonly [what: string, connection: Connection])[] = [
  ['says nothing', silent],
  ['resets', resetting],
  ['floods', flooding],
  ['speaks HTTP', (socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\n<!channel> \u001b[31m')],
  ['offers no TLS', (socket) => void socket.once('data', () => socket.write('N'))],
  ['agrees and says nothing', (socket) => void socket.once('data', () => socket.write('S'))],
  [
    'agrees and floods',
    (socket) =>
      void socket.once('data', () => {
        socket.write('S');
        flooding(socket, () => undefined);
      }),
  ],
  [
    'answers an error without end',
    (socket) => void socket.once('data', () => endless(Buffer.alloc(65_536, 'E'))(socket)),
  ],
];

/** The first connection has a certificate that no CA vouches for: the auditor connects once more to read it. */
const DIAGNOSED: readonly HostileScenario[] = [
  ...SECOND_CONNECTIONS.map(
    ([what, connection]): HostileScenario => ({
      name: `has an unknown certificate, and on the second connection ${what}`,
      start: async () =>
        hostileInTurn(
          servingTls(await selfSigned(), (peer) => peer.gone),
          connection,
        ),
      causes: ['certificate-untrusted', 'timed-out'],
    }),
  ),
  {
    name: 'has an unknown certificate, and on the second connection a good one',
    start: async ({ certificate }) =>
      hostileInTurn(
        servingTls(await selfSigned(), (peer) => peer.gone),
        servingTls(certificate, (peer) => flood(peer, row('x'.repeat(60_000)))),
      ),
    causes: ['certificate-untrusted', 'certificate-rejected', 'timed-out'],
  },
  {
    name: 'has an unknown certificate full of markup',
    start: async () =>
      hostilePostgres(
        await selfSigned({ commonName: '<!channel> \u001b[31m \u202e http://x', dnsNames: ['[x](http://y)'] }),
        (peer) => peer.gone,
      ),
    causes: ['certificate-untrusted', 'certificate-wrong-host'],
  },
  {
    name: 'has an unknown certificate, and both times rows before anyone logs in',
    start: async () => hostilePostgres(await selfSigned(), (peer) => flood(peer, row('x'.repeat(60_000)))),
    causes: ['certificate-untrusted', 'timed-out'],
  },
];

// --- a password that is refused, and read again ----------------------------------------------------------------------

const RENEWED = 'canary-N3w-Pa55w0rd-canary';

const refusing: Script = async (peer) => {
  await peer.receive();
  await peer.send(errorMessage({ S: 'FATAL', C: '28P01', M: `password authentication failed, not "${PASSWORD}"` }));
  peer.end();
};

const SECOND_LOGINS: readonly (readonly [what: string, script: Script, causes: readonly FailureCause[]])[] = [
  ['refuses the new one too', refusing, ['password-rejected']],
  [
    'quotes both',
    async (peer) => {
      await peer.receive();
      peer.end(errorMessage({ S: 'FATAL', C: '28000', M: `${PASSWORD} ${RENEWED} ${encodeURIComponent(RENEWED)}` }));
    },
    ['login-refused', 'login-failed'],
  ],
  [
    'asks for the new one in clear',
    async (peer) => {
      await peer.receive();
      await peer.send(auth.code(3));
      await peer.gone;
    },
    ['authentication-not-allowed'],
  ],
  ['proves the old one', (peer) => scram(peer, PASSWORD), ['server-not-proved']],
  ['says nothing', (peer) => peer.gone, ['timed-out', 'password-rejected']],
  [
    'floods with notices',
    async (peer) => {
      await peer.receive();
      await flood(peer, Buffer.concat(Array.from({ length: 100 }, () => message('N', 'SNOTICE\0\0'))));
    },
    [...FLOOD, 'password-rejected'],
  ],
];

const REFRESHED: readonly HostileScenario[] = SECOND_LOGINS.map(([what, script, causes]) => ({
  name: `refuses the password, and on the second login ${what}`,
  start: ({ certificate }) => hostileInTurn(servingTls(certificate, refusing), servingTls(certificate, script)),
  renewedPassword: RENEWED,
  causes,
}));

// --- PgBouncer's console ---------------------------------------------------------------------------------------------

/** RowDescription with those names. */
function named(...names: readonly string[]): Buffer {
  const facts = Buffer.concat([int32(0), int16(0), int32(25), int16(65_535), int32(-1), int16(0)]);
  return message('T', int16(names.length), ...names.flatMap((name) => [`${name}\0`, facts]));
}

const SHOWN = message('C', 'SHOW\0');
const CLIENT = ['type', 'user', 'database', 'state', 'addr', 'port', 'connect_time', 'tls', 'application_name'];

/** Lets in as a console, and answers each of the four commands so. */
function playsConsole(answers: readonly (readonly Uint8Array[])[], version = '1.25.0/bouncer'): Script {
  return async (peer) => {
    await letIn(peer, version);
    for (const answer of answers) {
      await peer.receive();
      await peer.send(...answer);
    }
    await peer.gone;
  };
}

const everyAnswer = (...answer: readonly Uint8Array[]): Script => playsConsole([answer, answer, answer, answer]);
const VIOLATION = ['protocol-violation'] as const;

const CONSOLES: readonly (readonly [what: string, script: Script, causes: HostileScenario['causes']])[] = [
  ['announces itself as PostgreSQL', playsConsole([], '18.4'), ['wrong-kind']],
  ['announces nothing', playsConsole([], ''), ['wrong-kind']],
  ['announces markup', playsConsole([], '1.\u001b[31m<!channel>/bouncer'), ['wrong-kind']],
  ['answers with no rows', everyAnswer(named(...CLIENT), SHOWN, READY), [undefined]],
  [
    'answers with no columns',
    everyAnswer(columns(0), row(), SHOWN, READY),
    [undefined, 'answer-unusable' as FailureCause],
  ],
  ['answers with NULLs', everyAnswer(named('x', 'addr'), row(null, null), SHOWN, READY), [undefined]],
  ['names every column alike', everyAnswer(named('tls', 'tls', 'tls'), row('a', 'b', 'c'), SHOWN, READY), [undefined]],
  ['names a column __proto__', everyAnswer(named('__proto__', 'addr'), row('x', 'y'), SHOWN, READY), [undefined]],
  ['has columns named as the password', everyAnswer(named(PASSWORD), row(PASSWORD), SHOWN, READY), [undefined]],
  [
    'shows clients with times and addresses that are none',
    everyAnswer(
      named(...CLIENT),
      row(
        'C',
        'a\u202e',
        '<!channel>',
        'active',
        'fe80::1%lo',
        '99999',
        '0000-99-99 99:99:99 +99:99',
        '',
        '\u001b[31m',
      ),
      SHOWN,
      READY,
    ),
    [undefined],
  ],
  [
    'shows names of 120 kB',
    everyAnswer(named('key', 'value'), row('x'.repeat(120_000), 'y'), SHOWN, READY),
    [undefined],
  ],
  [
    'refuses every command with markup',
    everyAnswer(errorMessage({ S: 'ERROR', C: '42501', M: `<!channel> \u001b[31m ${PASSWORD}` }), READY),
    [undefined],
  ],
  ['answers the first command only', playsConsole([[named('a'), SHOWN, READY]]), ['timed-out']],
  [
    'answers five commands where four were sent',
    async (peer) => {
      await untilQuery(peer, '1.25.0/bouncer');
      await peer.send(...Array.from({ length: 5 }, () => Buffer.concat([named('a'), SHOWN, READY])));
      await peer.gone;
    },
    [...VIOLATION, undefined],
  ],
  [
    'shows clients without end',
    async (peer) => {
      await untilQuery(peer, '1.25.0/bouncer');
      await peer.send(named(...CLIENT));
      await flood(
        peer,
        Buffer.concat(
          Array.from({ length: 500 }, () => row('C', 'a', 'b', 'active', '10.0.0.1', '1', '', '', 'application')),
        ),
      );
    },
    FLOOD,
  ],
  ['asks for the password in clear in the middle', everyAnswer(auth.code(3)), VIOLATION],
];

const POOLERS: readonly HostileScenario[] = CONSOLES.map(([what, script, causes]) => ({
  name: `plays a PgBouncer, and ${what}`,
  script,
  target: { kind: 'pgbouncer' },
  causes,
}));

// --- the wire probe, and everything behind the first connection ------------------------------------------------------

/** On connections without TLS. */
function inPlaintext(...parts: readonly Uint8Array[]): Connection {
  return (socket) => void socket.once('data', () => socket.write(Buffer.concat(parts)));
}

const PROBES: readonly (readonly [what: string, connection: Connection])[] = [
  ['says nothing', silent],
  ['resets', resetting],
  ['floods', flooding],
  ['answers half a message', inPlaintext(hex('52 00000008 00'))],
  ['announces a message of 4 GB', inPlaintext(hex('45 ffffffff'))],
  [
    'answers an error of 15 KB full of markup',
    inPlaintext(errorMessage({ S: 'FATAL', C: '28000', M: '<!here> \u001b[2J'.repeat(1_000) })),
  ],
  ['lets in and floods', inPlaintext(auth.ok, Buffer.alloc(5_000_000, 0x4e))],
  ['lets in and stays', inPlaintext(auth.ok, parameter('a', 'b'), KEY, READY)],
  ['asks for the password in clear', inPlaintext(auth.code(3))],
  ['asks for Kerberos', inPlaintext(auth.code(7))],
  ['quotes the role', inPlaintext(errorMessage({ S: 'FATAL', C: '28000', M: 'no "\u202etls_auditor" here' }))],
  [
    'agrees to everything with a ServerHello that is cut off',
    (socket) => void socket.on('data', () => socket.write(hex('53 16 0303 0060 02 00005c 0303'))),
  ],
  [
    'answers a ClientHello with alerts without end',
    (socket) =>
      void socket.once('data', () =>
        endless(Buffer.concat(Array.from({ length: 5_000 }, () => hex('15 0303 0002 01 00'))))(socket),
      ),
  ],
];

const PROBED: readonly HostileScenario[] = PROBES.map(([what, connection]) => ({
  name: `is honest in the audit, and to the wire probe ${what}`,
  start: ({ healthy }) => hostileInTurn(relayingTo(healthy), connection),
  // The audit itself has to come to its end, on a busy machine too.
  target: { probe: true, timeoutMs: 6_000 },
  causes: [undefined],
}));

/** Retried: the first attempt meets a server that is about to start. */
const notYet: Script = async (peer: Peer) => {
  await peer.receive();
  peer.end(errorMessage({ S: 'FATAL', C: '57P03', M: 'the database system is starting up' }));
};

const LATER: readonly HostileScenario[] = [
  {
    name: 'is starting up, and at the next attempt floods',
    start: ({ certificate }) =>
      hostileInTurn(
        servingTls(certificate, notYet),
        servingTls(certificate, async (peer) => {
          await untilQuery(peer);
          await peer.send(columns(1));
          await flood(peer, row('x'.repeat(1_000_000)));
        }),
      ),
    causes: [...FLOOD, 'server-not-ready'],
  },
  {
    name: 'is starting up, and at the next attempt has another certificate',
    start: async ({ certificate }) =>
      hostileInTurn(
        servingTls(certificate, notYet),
        servingTls(await selfSigned(), (peer) => peer.gone),
      ),
    causes: ['certificate-untrusted'],
  },
  {
    name: 'is starting up for ever, a moment later each time',
    start: ({ certificate }) => {
      let delay = 0;
      return hostilePostgres(certificate, async (peer) => {
        delay += 20;
        await wait(delay);
        await notYet(peer);
      });
    },
    causes: ['server-not-ready', 'timed-out'],
  },
  {
    name: 'resets in every phase, another one each time',
    start: ({ certificate }) =>
      hostileInTurn(
        resetting,
        (socket) => void socket.once('data', () => socket.resetAndDestroy()),
        servingTls(certificate, (peer) => peer.reset()),
        servingTls(certificate, async (peer) => {
          await letIn(peer);
          peer.reset();
        }),
      ),
    causes: CLOSED,
  },
];

export const HOSTILE_KINDS: readonly HostileScenario[] = [
  ...TLS,
  ...DIAGNOSED,
  ...REFRESHED,
  ...POOLERS,
  ...PROBED,
  ...LATER,
];
