// Random files of rules against real logins: what is said to be certain is true, and what is said to be closed is not
// open, whether the quotes in the file are known or not. From loopback and, where one can be made, from a second
// network.

import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClientNetwork, openClientNetwork } from '../../lab/client-network.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { loopbackAddresses } from '../../lab/free-port.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { type Answer, answerIn, startupMessage } from '../../lab/startup.ts';
import { type Acceptance, acceptance, NETWORK, NETWORK_AND_LOOPBACK } from '../../lambda/analysis/pg-hba/acceptance.ts';
import { cidr } from '../../lambda/analysis/pg-hba/address-block.ts';
import { decide } from '../../lambda/analysis/pg-hba/decision.ts';
import type { Destination } from '../../lambda/analysis/pg-hba/names.ts';
import { withSeenLogins } from '../../lambda/analysis/pg-hba/proven-quoting.ts';
import { evaluatePlaintextRules } from '../../lambda/checks/plaintext-allowed.ts';
import type { Row } from '../../lambda/collect/answers/answer.ts';
import { catalogueQuery } from '../../lambda/collect/postgres/catalogue-query.ts';
import { withQuotes } from '../../lambda/collect/postgres/hba-file.ts';
import { hbaFacts, hbaFileQuery, plainHbaQuery } from '../../lambda/collect/postgres/hba-queries.ts';
import type { AuditQuery } from '../../lambda/collect/postgres/query.ts';
import type { HbaFacts } from '../../lambda/model/hba.ts';
import { known } from '../../lambda/model/observed.ts';

/** How many files; more by the environment, as does a seed that is to be repeated. */
const FILES = Number(process.env.PG_TLS_AUDITOR_DIFFERENTIAL ?? 30);
const SEED = Number(process.env.PG_TLS_AUDITOR_SEED ?? Date.now() % 0x7fff_ffff);

const DATABASES = ['shop', 'app', 'staff', 'all', 'replication', 'sameuser', 'samerole'];
const LOGINS = ['app', 'boss', 'courier', 'deputy', 'all', '+staff', '+x'];
const REPLICATORS = ['boss', 'courier'];

interface Connection {
  readonly destination: Destination;
  readonly role: string;
  readonly address: string;
}

const quotable = (...names: readonly string[]): readonly string[] => names.flatMap((name) => [name, `"${name}"`]);

/** A comma-separated list of one or two. */
function someOf(...tokens: readonly string[]): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...tokens), { minLength: 1, maxLength: 2 }).map((chosen) => chosen.join(','));
}

const network = openClientNetwork();

afterAll(async () => {
  if (typeof network !== 'string') await network[Symbol.asyncDispose]();
});

if (typeof network === 'string') test(`without a second network: ${network}`, ({ skip }) => skip(network));

describeEachMajor((major) => {
  let server: PostgresServer;
  let admin: pg.Client;

  beforeAll(async () => {
    const others = typeof network === 'string' ? [] : [network.server.ipv4, network.server.ipv6];
    server = await startPostgres({
      major,
      databases: DATABASES,
      settings: { listen_addresses: [...loopbackAddresses(), ...others].join(',') },
      roles: LOGINS.map((name) => ({
        name,
        ...(name === 'boss' ? { attributes: 'SUPERUSER' } : name === 'courier' ? { attributes: 'REPLICATION' } : {}),
      })),
    });
    await server.adminQuery(
      'CREATE ROLE staff NOLOGIN; CREATE ROLE leads NOLOGIN NOINHERIT; GRANT staff TO leads, app; GRANT leads TO deputy',
    );
    const types = { getTypeParser: () => (text: string | Buffer) => String(text) };
    admin = new pg.Client({
      host: server.socketFolder,
      port: server.port,
      user: 'postgres',
      database: 'postgres',
      types,
    });
    await admin.connect();
  });

  afterAll(async () => {
    await admin?.end();
    await server?.[Symbol.asyncDispose]();
  });

  async function ask<T>({ selects, read }: AuditQuery<T>): Promise<T> {
    const text = ['SET search_path = pg_catalog', ...selects(major)].join(';\n');
    const results = (await admin.query({ text, rowMode: 'array' })) as unknown as readonly {
      readonly rows: readonly Row[];
    }[];
    return read(results.slice(1).map(({ rows }) => rows));
  }

  async function readFacts(): Promise<{ readonly lost: HbaFacts; readonly shown: HbaFacts }> {
    const catalogue = await ask(catalogueQuery);
    const lost = hbaFacts(await ask(plainHbaQuery), { major, catalogue });
    const files = await ask(hbaFileQuery('part'));
    return { lost, shown: { ...lost, rules: withQuotes(lost.rules, files, major) } };
  }

  /** Opens a plaintext connection, and leaves when the server has shown what it makes of it. */
  async function knock({ destination, role, address }: Connection): Promise<Answer> {
    const message = startupMessage(destination, role);
    const to = { host: hostFor(address), port: server.port, localAddress: address };
    if (isClient(address)) return answerIn(await (network as ClientNetwork).call({ ...to, message }));
    const socket = connect(to);
    try {
      await once(socket, 'connect');
      socket.write(message);
      let reply = Buffer.alloc(0);
      for await (const chunk of socket) {
        reply = Buffer.concat([reply, chunk as Buffer]);
        if (reply.length >= 9 && reply.length > reply.readInt32BE(1)) return answerIn(reply);
      }
      throw new Error('the server closed the connection without an answer');
    } finally {
      socket.destroy();
    }
  }

  function isClient(address: string): boolean {
    return typeof network !== 'string' && network.clients.includes(address);
  }

  /** Where the server is for a client of that address. */
  function hostFor(address: string): string {
    const isIpv6 = address.includes(':');
    const isLoopback = address === '::1' || address.startsWith('127.');
    if (isLoopback || typeof network === 'string') return isIpv6 ? '::1' : '127.0.0.1';
    return isIpv6 ? network.server.ipv6 : network.server.ipv4;
  }

  const loopback = [...loopbackAddresses(), ...(process.platform === 'linux' ? ['127.0.0.2', '127.1.2.3'] : [])];
  // The server's own address towards its clients too: it is a network's, and samehost.
  const addresses =
    typeof network === 'string' ? loopback : [...loopback, ...network.clients, ...network.clients, network.server.ipv4];
  const subnet = typeof network === 'string' ? '10.213.0' : network.server.ipv4.replace(/\.\d+$/, '');

  const line = fc
    .record({
      type: fc.constantFrom('host', 'host', 'host', 'host', 'hostssl', 'hostnossl', 'hostnossl', 'local'),
      databases: someOf(
        ...quotable('all', 'replication', 'sameuser', 'samerole', 'samegroup', 'shop'),
        ...['@names', 'a"ll"', '/^s', '"/^(app|x{2,3})$"', 'all', 'all', 'all', 'nowhere'],
      ),
      users: someOf(
        ...quotable('all', '+staff', '+x', 'app', 'boss'),
        ...['courier', 'deputy', '+"staff"', '@people', '/^[ab]', 'all', 'all', 'all', '+nobody', '"a""b"'],
      ),
      address: fc.constantFrom(
        ...quotable('all', 'samehost', 'samenet'),
        ...[
          'all',
          'all',
          '0.0.0.0/0',
          '::/0',
          '127.0.0.0/8',
          '"127.0.0.1/32"',
          '127.0.0.1 255.0.0.255',
          '0.0.0.0 128.0.0.1',
        ],
        ...[`${subnet}.0/25`, `${subnet}.128/25`, `${subnet}.0 255.255.255.1`, 'fd97:213::/32', 'localhost'],
      ),
      method: fc.constantFrom('trust', 'trust', 'reject', 'reject', 'scram-sha-256', 'md5'),
      form: fc.nat(5),
    })
    .map(({ type, databases, users, address, method, form }) => {
      const fields = [type, databases, users, ...(type === 'local' ? [] : [address]), method];
      if (form === 0) return `${fields.join('\t ')} # "all" all reject`;
      if (form === 1 && major >= 14) return `${fields.slice(0, 2).join(' ')} \\\n  ${fields.slice(2).join(' ')}`;
      return form === 2 ? `# a comment \n\n${fields.join('  ')}` : fields.join(' ');
    });
  const file = fc.record({
    lines: fc.array(line, { minLength: 1, maxLength: 5 }),
    included: fc.array(line, { maxLength: 2 }),
    names: fc.array(fc.constantFrom(...quotable('all', 'shop', 'replication')), { minLength: 1, maxLength: 3 }),
    people: fc.array(fc.constantFrom(...quotable('all', '+staff', 'boss')), { minLength: 1, maxLength: 3 }),
  });
  const tried = fc.uniqueArray(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          destination: fc.constantFrom(...DATABASES).map((database): Destination => ({ database })),
          role: fc.constantFrom(...LOGINS),
          address: fc.constantFrom(...addresses),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          destination: fc.constant<Destination>('physical-replication'),
          role: fc.constantFrom(...REPLICATORS),
          address: fc.constantFrom(...addresses),
        }),
      },
    ),
    { minLength: 12, maxLength: 12, selector: JSON.stringify },
  );

  test(`${FILES} random files, by seed ${SEED}`, async () => {
    const seen = { certain: 0, doubtful: 0, closed: 0 };
    await fc.assert(
      fc.asyncProperty(file, tried, async ({ lines, included, names, people }, connections) => {
        await write('names', names.join('\n'));
        await write('people', people.join(' '));
        await write('more.conf', included.join('\n'));
        await server.setHba(major >= 16 && included.length > 0 ? [...lines, 'include more.conf'] : lines);
        const facts = await readFacts();
        expect(facts.lost.faults, 'the file is read').toEqual([]);
        const answers = await Promise.all(connections.map(knock));
        const logins = connections.map((each, index) => ({ ...each, answer: answers[index] ?? 'refused' }));
        for (const each of [facts.shown, facts.lost, withLogins(facts.lost, logins)]) {
          for (const login of logins) count(holds(each, login), seen);
          holdsAsAWhole(each, logins);
        }
      }),
      { numRuns: FILES, seed: SEED },
    );
    process.stdout.write(`PostgreSQL ${major}, seed ${SEED}: ${JSON.stringify(seen)}\n`);
    expect(Math.min(...Object.values(seen)), 'files that never refuse or never accept test nothing').toBeGreaterThan(0);
  });

  async function write(name: string, content: string): Promise<void> {
    await writeFile(join(server.dataFolder, name), `${content}\n`);
    await chmod(join(server.dataFolder, name), 0o644);
  }

  type Login = Connection & { readonly answer: Answer };

  /** As an audit has it that saw a login end, without the file. */
  function withLogins(facts: HbaFacts, logins: readonly Login[]): HbaFacts {
    const [first] = logins.filter(({ destination }) => destination !== 'physical-replication');
    if (first === undefined || first.destination === 'physical-replication') return facts;
    const { role, address, destination, answer } = first;
    const accepted = answer !== 'refused';
    return withSeenLogins(facts, [
      { encryption: 'plaintext', role, database: destination.database, address, accepted },
    ]);
  }

  /** What is said of one connection. */
  function holds(facts: HbaFacts, { answer, ...connection }: Login): keyof typeof WORDS {
    const evaluated = acceptanceOf(facts, connection);
    const permissiveRules = evaluated.status === 'open' ? evaluated.permissiveRules : [];
    const certain = permissiveRules.some(({ doubt }) => doubt === undefined);
    if (permissiveRules.length === 0)
      expect({ connection, answer }, WORDS.closed).toEqual({ connection, answer: 'refused' });
    if (certain) expect({ connection, answer }, WORDS.certain).not.toEqual({ connection, answer: 'refused' });
    if (connection.destination !== 'physical-replication') {
      const { destination, role, address } = connection;
      const { status } = decide(facts, { encryption: 'plaintext', role, database: destination.database, address });
      if (status === 'accepted') expect(answer, WORDS.certain).not.toBe('refused');
      if (status === 'rejected') expect(answer, WORDS.closed).toBe('refused');
    }
    return permissiveRules.length === 0 ? 'closed' : certain ? 'certain' : 'doubtful';
  }

  const WORDS = { closed: 'said to be closed', certain: 'said to be certain', doubtful: '' } as const;

  /** What is said of the file as a whole: that it is closed, and how bad an opening without a password is. */
  function holdsAsAWhole(facts: HbaFacts, logins: readonly Login[]): void {
    for (const [policy, from] of [
      ['info', NETWORK],
      ['network', NETWORK_AND_LOOPBACK],
    ] as const) {
      const inside = logins.filter(({ address }) => policy === 'network' || !/^(127\.|::1$)/.test(address));
      const isOpen = inside.some(({ answer }) => answer !== 'refused');
      if (isOpen) expect(acceptance(facts, 'plaintext', from).status, WORDS.closed).toBe('open');
      const outcome = evaluatePlaintextRules(known(facts), { tlsOn: true, loopback: policy });
      const worst = outcome.status === 'fail' ? outcome.problems.map(({ severity }) => severity) : [];
      // From the server's own address it is the server's own users.
      const unknownNames = inside.filter(({ address }) => isClient(address));
      if (unknownNames.some(({ answer }) => answer === 'nothing'))
        expect(worst, 'trust is rated').toContain('critical');
    }
  }
});

function count(of: 'closed' | 'certain' | 'doubtful', seen: Record<'closed' | 'certain' | 'doubtful', number>): void {
  seen[of] += 1;
}

/** The engine's judgement of one connection. */
function acceptanceOf(facts: HbaFacts, { destination, role, address }: Connection): Acceptance {
  const to = destination === 'physical-replication' ? undefined : destination.database;
  const only: HbaFacts = {
    ...facts,
    // Others stay, as groups and as names that exist.
    roles: facts.roles.map((each) => ({
      ...each,
      canLogin: each.name === role,
      ...(to === undefined ? {} : { superuser: false, replication: false }),
    })),
    databases: facts.databases.map((each) => ({ ...each, allowConnections: each.name === to })),
  };
  return acceptance(only, 'plaintext', {
    blocks: [cidr(`${address}/${address.includes(':') ? 128 : 32}`)],
    except: [],
  });
}
