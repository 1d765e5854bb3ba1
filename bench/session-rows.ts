// Generates synthetic rows of the session query for a large, busy server, the same in every run.

export type SessionRow = (string | null)[];

/**
 * `typical`: 200 roles, each with its application whose workers are numbered, thousands of clients, mostly TLSv1.3,
 * some of everything else. `hostile`: the same, and every application name a new one as long as PostgreSQL takes.
 */
export type Mix = 'typical' | 'hostile';

/** The rows of roles, memberships and databases, of which the sessions give oids. The second role is a superuser. */
export function catalogueRows(): readonly SessionRow[][] {
  const oids = (count: number): string[] => Array.from({ length: count }, (_, index) => String(FIRST_OID + index));
  return [
    oids(ROLES).map((oid, index) => [
      oid,
      `app_${name(index)}`,
      't',
      index === 1 ? 't' : 'f',
      index === 0 ? 't' : 'f',
      't',
    ]),
    [],
    oids(DATABASES).map((oid, index) => [oid, `db_${name(index)}`, 't', '-1', 'f']),
  ];
}

/** What initdb makes has lower ones. */
const FIRST_OID = 16_384;
const ROLES = 200;
const DATABASES = 40;
const LONGEST_NAME = 63;

/** Shares of 1,000 sessions: how they travel, with what `pg_stat_ssl` shows of it. */
const TRANSPORTS = [
  { share: 760, address: 'network', tls: ['TLSv1.3', 'TLS_AES_256_GCM_SHA384', '256'] },
  { share: 80, address: 'network', tls: ['TLSv1.2', 'ECDHE-RSA-AES256-GCM-SHA384', '256'] },
  { share: 15, address: 'network', tls: ['TLSv1.2', 'AES128-SHA', '128'] },
  { share: 10, address: 'network', tls: ['TLSv1.1', 'ECDHE-RSA-AES256-SHA', '256'] },
  { share: 5, address: 'network', tls: ['TLSv1', 'ECDHE-RSA-AES256-SHA', '256'] },
  { share: 80, address: 'network', tls: undefined },
  { share: 30, address: 'loopback', tls: undefined },
  { share: 20, address: 'socket', tls: undefined },
] as const;

/** Rows as pg gives them in array mode: texts, each a new string as one read off the wire is. */
export function sessionRows(count: number, mix: Mix): SessionRow[] {
  const random = numbers(7);
  const pick = (below: number): number => Math.floor(random() * below);
  return Array.from({ length: count }, (_, index) => {
    const role = pick(ROLES);
    const { address, tls } = transportAt(pick(1000));
    const [version, cipher, bits] = tls ?? [null, null, null];
    const row = [
      String(1000 + index),
      String(FIRST_OID + role),
      String(FIRST_OID + (role % DATABASES)),
      mix === 'typical' ? `${name(role)}-worker-${pick(500)}` : name(index).padEnd(LONGEST_NAME, '-'),
      role === 0 ? 'walsender' : 'client backend',
      { network: `10.${pick(4)}.${pick(32)}.${pick(60)}`, loopback: '127.0.0.1', socket: null }[address],
      address === 'socket' ? '-1' : String(1024 + pick(64_000)),
      tls === undefined ? 'f' : 't',
      version,
      cipher,
      bits,
      null,
      'f',
      (1_790_000_000 + pick(900_000) + pick(1_000_000) / 1e6).toFixed(6),
      'f',
    ];
    return row.map((text) => (text === null ? null : Buffer.from(text).toString()));
  });
}

function transportAt(position: number): (typeof TRANSPORTS)[number] {
  let end = 0;
  return (
    TRANSPORTS.find(({ share }) => {
      end += share;
      return position < end;
    }) ?? TRANSPORTS[0]
  );
}

/** A word of letters: digits would be folded away. */
function name(index: number): string {
  return index.toString(26).replaceAll(/./g, (digit) => String.fromCharCode(97 + Number.parseInt(digit, 26)));
}

/** Numbers from 0 to 1 that look random and are the same for the same seed (the minimal standard generator). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
