// What the checks say about rules of pg_hba.conf is what the server does with them.

import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { describeEachMajor } from '../../lab/each-major.ts';
import { loopbackAddresses } from '../../lab/free-port.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { type Answer, answerIn, startupMessage } from '../../lab/startup.ts';
import { type Acceptance, acceptance, type Origin } from '../../lambda/analysis/pg-hba/acceptance.ts';
import { cidr } from '../../lambda/analysis/pg-hba/address-block.ts';
import type { Destination } from '../../lambda/analysis/pg-hba/names.ts';
import type { Row } from '../../lambda/collect/answers/answer.ts';
import { catalogueQuery } from '../../lambda/collect/postgres/catalogue-query.ts';
import { withQuotes } from '../../lambda/collect/postgres/hba-file.ts';
import {
  CAN_READ_HBA,
  hbaFacts,
  hbaFileQuery,
  hbaGrant,
  hbaQuery,
  plainHbaQuery,
} from '../../lambda/collect/postgres/hba-queries.ts';
import type { AuditQuery } from '../../lambda/collect/postgres/query.ts';
import type { HbaFacts, HbaRule } from '../../lambda/model/hba.ts';
import { Memberships } from '../../lambda/model/memberships.ts';

/** Every address of 127.0.0.0/8 is loopback on Linux; other systems have to be told. */
const CLIENT_ADDRESSES = [
  ...loopbackAddresses(),
  ...(process.platform === 'linux' ? ['127.0.0.2', '127.1.2.3', '127.128.0.1'] : []),
];

const DATABASES = ['shop', 'orders', 'app', 'staff'];
const ROLES = ['app', 'boss', 'courier', 'deputy', 'Shop'];
/** Roles that a superuser's rights or the attribute let replicate. */
const REPLICATORS = ['boss', 'courier'];

interface Connection {
  readonly destination: Destination;
  readonly role: string;
  readonly address: string;
}

describeEachMajor((major) => {
  let server: PostgresServer;
  let admin: pg.Client;

  beforeAll(async () => {
    server = await startPostgres({
      major,
      databases: DATABASES,
      roles: [
        { name: 'tls_auditor', grants: ['pg_monitor'] },
        { name: 'boss', attributes: 'SUPERUSER' },
        { name: 'courier', attributes: 'REPLICATION' },
        ...['app', 'deputy', 'Shop'].map((name) => ({ name })),
      ],
    });
    // deputy is in staff through leads, which passes on no rights, and app is in staff.
    await server.adminQuery(
      'CREATE ROLE staff NOLOGIN; CREATE ROLE leads NOLOGIN NOINHERIT; GRANT staff TO leads, app; GRANT leads TO deputy',
    );
    await writeFile(join(server.dataFolder, 'names'), 'shop "app"\norders\n');
    await chmod(join(server.dataFolder, 'names'), 0o644);
    admin = await connectAs('postgres');
  });

  afterAll(async () => {
    await admin?.end();
    await server?.[Symbol.asyncDispose]();
  });

  /** Through the Unix socket, every value as text: as the auditor's own session has them. */
  async function connectAs(user: string): Promise<pg.Client> {
    const types = { getTypeParser: () => (text: string | Buffer) => String(text) };
    const client = new pg.Client({ host: server.socketFolder, port: server.port, user, database: 'postgres', types });
    await client.connect();
    return client;
  }

  async function ask<T>(client: pg.Client, { selects, read }: AuditQuery<T>): Promise<T> {
    const text = ['SET search_path = pg_catalog', ...selects(major)].join(';\n');
    const results = (await client.query({ text, rowMode: 'array' })) as unknown as readonly {
      readonly rows: readonly Row[];
    }[];
    return read(results.slice(1).map(({ rows }) => rows));
  }

  async function readFacts(client: pg.Client = admin): Promise<HbaFacts> {
    const catalogue = await ask(client, catalogueQuery);
    const lines = await ask(client, plainHbaQuery);
    expect(await ask(client, hbaQuery), 'both ways of asking give the same').toEqual(lines);
    return hbaFacts(lines, { major, catalogue });
  }

  /** An open session takes a new setting up some time after new sessions do: the one that reads the rules too. */
  async function setSsl(ssl: 'on' | 'off'): Promise<void> {
    await server.set({ ssl });
    await vi.waitFor(async () => expect((await admin.query('SHOW ssl')).rows).toEqual([{ ssl }]), { timeout: 10_000 });
  }

  /** With the quotes of the file, which superusers may read. */
  async function readFile(): Promise<HbaFacts> {
    const facts = await readFacts();
    return { ...facts, rules: withQuotes(facts.rules, await ask(admin, hbaFileQuery('part')), major) };
  }

  async function factsOf(...lines: readonly string[]): Promise<HbaFacts> {
    await server.writeHba(lines);
    return readFacts();
  }

  /** Opens a plaintext connection, and leaves when the server has shown what it makes of it. */
  async function knock({ destination, role, address }: Connection): Promise<Answer> {
    const socket = connect({
      host: address.includes(':') ? '::1' : '127.0.0.1',
      port: server.port,
      localAddress: address,
    });
    try {
      await once(socket, 'connect');
      socket.write(startupMessage(destination, role));
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

  describe('rules in any order', () => {
    const versioned = major >= 12 ? ['hostgssenc', 'hostnogssenc'] : [];
    const line = fc
      .record({
        type: fc.constantFrom('local', 'host', 'host', 'host', 'hostssl', 'hostnossl', ...versioned),
        databases: someOf(
          ...['all', 'all', 'shop', 'orders', '"app"', 'sameuser', 'samerole', 'samegroup', 'replication', 'SHOP'],
          ...['@names', 'nowhere', '/^s', '/^s.*p$', '"/^(app|x{2,3})$"', '/'],
        ),
        users: someOf(
          ...['all', 'all', 'app', 'boss', 'courier', '+staff', '+leads', '+app', '+nobody', '"Shop"', 'shop'],
          ...['deputy', '/^[ab]', '"/^.{4,6}$"', '/(?i)^SH'],
        ),
        address: fc.constantFrom(
          ...['all', '0.0.0.0/0', '::/0', '127.0.0.1/32', '127.0.0.0/30', '127.0.0.0/8', '127.0.0.2/31', '::1/128'],
          ...['127.0.0.1 255.0.0.255', '0.0.0.0 128.0.0.1', '127.1.2.3 255.255.0.0', '127.128.0.0/9', '10.0.0.0/8'],
          ...['::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::2/127', '::ffff:127.0.0.1/128'],
        ),
        method: fc.constantFrom('trust', 'reject', 'reject', 'scram-sha-256', 'md5', 'password'),
      })
      .map(({ type, databases, users, address, method }) =>
        [type, databases, users, type === 'local' ? '' : address, method].join(' '),
      );
    const connection = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          destination: fc.constantFrom(...DATABASES, 'template1').map((database): Destination => ({ database })),
          role: fc.constantFrom(...ROLES),
          address: fc.constantFrom(...CLIENT_ADDRESSES),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          destination: fc.constant<Destination>('physical-replication'),
          role: fc.constantFrom(...REPLICATORS),
          address: fc.constantFrom(...CLIENT_ADDRESSES),
        }),
      },
    );
    const files = fc.array(line, { minLength: 1, maxLength: 6 });
    const connections = fc.uniqueArray(connection, { minLength: 12, maxLength: 12, selector: JSON.stringify });

    /** Answers of every kind, which few random files would not be sure to have. */
    const ofMethod = (method: string): [string[], Connection[]] => [
      [`host all all all ${method}`],
      [{ destination: { database: 'shop' }, role: 'app', address: '127.0.0.1' }],
    ];

    test('let in what the server lets in, by the rule by which it does', async () => {
      const seen = new Set<Answer>();
      await fc.assert(
        fc.asyncProperty(files, connections, async (lines, tried) => {
          await server.setHba(lines);
          const facts = await readFile();
          const answers = await Promise.all(tried.map(knock));
          const actual = tried.map((each, index) => ({ ...each, answer: answers[index] }));
          const predicted = tried.map((each) => ({ ...each, answer: answerOf(evaluate(facts, each)) }));
          expect(actual).toEqual(predicted);
          for (const answer of answers) seen.add(answer);
        }),
        { numRuns: 44, examples: ['trust', 'reject', 'scram-sha-256', 'password'].map(ofMethod) },
      );
      expect([...seen].sort()).toEqual(['nothing', 'password', 'refused', 'scram']);
    });

    test('let in as a whole what they let in one by one', async () => {
      await fc.assert(
        fc.asyncProperty(files, async (lines) => {
          await server.writeHba(lines);
          const facts = await readFile();
          const oneByOne = everyConnection(facts).flatMap((each) => rulesOf(evaluate(facts, each)));
          const whole = rulesOf(acceptance(facts, 'plaintext', originOf(...CLIENT_ADDRESSES)));
          expect(new Set(whole)).toEqual(new Set(oneByOne));
        }),
        { numRuns: 60 },
      );
    });
  });

  describe('names that are keywords too', () => {
    const names = { databases: ['all', 'replication', 'sameuser', 'samerole'], roles: ['all', '+staff'] };

    beforeAll(async () => {
      for (const name of names.databases) await server.adminQuery(`CREATE DATABASE "${name}"`);
      for (const name of names.roles) await server.adminQuery(`CREATE ROLE "${name}" LOGIN`);
    });

    afterAll(async () => {
      for (const name of names.databases) await server.adminQuery(`DROP DATABASE "${name}"`);
      for (const name of names.roles) await server.adminQuery(`DROP ROLE "${name}"`);
    });

    test.each(['shown', 'lost'] as const)('make the answer doubtful, never wrong, with quotes %s', async (quotes) => {
      const quoted = (name: string): readonly string[] => [name, `"${name}"`];
      const line = fc
        .record({
          databases: someOf(...names.databases.flatMap(quoted), 'shop', 'shop', 'shop', 'app'),
          users: someOf(...names.roles.flatMap(quoted), 'app', 'app', 'boss', 'boss'),
          address: fc.constantFrom('all', '127.0.0.0/8', '::/0', 'samehost', 'samenet'),
          method: fc.constantFrom('trust', 'reject', 'scram-sha-256'),
        })
        .map(({ databases, users, address, method }) => ['host', databases, users, address, method].join(' '));
      const connection = fc.record({
        destination: fc.constantFrom<Destination>(
          'physical-replication',
          ...[...names.databases, 'shop', 'app'].map((database) => ({ database })),
        ),
        role: fc.constantFrom('boss'),
        address: fc.constantFrom(...CLIENT_ADDRESSES),
      });
      const session = fc.record({
        destination: fc.constantFrom(...[...names.databases, 'shop', 'app', 'staff'].map((database) => ({ database }))),
        role: fc.constantFrom('app', 'deputy', 'boss', ...names.roles),
        address: fc.constantFrom(...CLIENT_ADDRESSES),
      });
      const seen = { certain: 0, doubtful: 0, closed: 0 };
      await fc.assert(
        fc.asyncProperty(
          fc.array(line, { minLength: 1, maxLength: 4 }),
          fc.array(fc.oneof(connection, session), { minLength: 8, maxLength: 8 }),
          async (lines, tried) => {
            await server.setHba(lines);
            const facts = quotes === 'shown' ? await readFile() : await readFacts();
            const answers = await Promise.all(tried.map(knock));
            for (const [index, each] of tried.entries()) {
              const evaluated = evaluate(facts, each);
              const permissiveRules = evaluated.status === 'open' ? evaluated.permissiveRules : [];
              const refused = answers[index] === 'refused';
              if (permissiveRules.length === 0)
                expect({ each, refused }, 'said to be closed').toEqual({ each, refused: true });
              if (permissiveRules.some(({ doubt }) => doubt === undefined)) {
                expect({ each, refused }, 'said to be certain').toEqual({ each, refused: false });
                seen.certain += 1;
              } else seen[permissiveRules.length === 0 ? 'closed' : 'doubtful'] += 1;
            }
          },
        ),
        { numRuns: 40 },
      );
      // Without quotes hardly anything is certain.
      const { certain, ...others } = seen;
      const counts = quotes === 'shown' ? [certain, ...Object.values(others)] : Object.values(others);
      expect(Math.min(...counts), JSON.stringify(seen)).toBeGreaterThan(0);
    });
  });

  describe('reading the rules', () => {
    test('takes no more than what the grant gives', async () => {
      await server.setHba(['local all all trust', 'hostssl all all all scram-sha-256']);
      const login = await connectAs('tls_auditor');
      try {
        const mayRead = async () =>
          (await login.query<{ may: string }>(`SELECT ${CAN_READ_HBA} AS may`)).rows.map(({ may }) => may);
        expect(await mayRead()).toEqual(['f']);
        await expect(readFacts(login)).rejects.toThrow('permission denied for function pg_hba_file_rules');
        expect(await ask(login, hbaQuery), 'asked so as not to fail').toBeUndefined();
        await server.adminQuery(hbaGrant('tls_auditor'));
        expect(await mayRead()).toEqual(['t']);
        expect(await readFacts(login)).toEqual(await readFacts());
      } finally {
        await login.end();
      }
    });

    test('needs a grant that quotes the role where SQL wants it', () => {
      expect(hbaGrant('Tls "Auditor"')).toMatch(/ TO "Tls ""Auditor""";$/);
    });

    test('shows rules, what stands for files, and none of the secrets', async () => {
      const { rules, faults } = await factsOf(
        'host @names "my role",+"my group" 10.1.2.3 255.0.0.0 radius radiusservers=192.0.2.1 radiussecrets=s3cret',
        'hostssl all all fe80::1/64 cert map=people',
        'hostnossl all all .example.com reject',
      );
      expect(faults).toEqual([]);
      expect(rules.slice(2).map(({ fileName: _, ...rule }) => rule)).toEqual([
        {
          lineNumber: 3,
          type: 'host',
          databases: ['shop', 'app', 'orders'],
          users: ['my role', '+my group'],
          address: '10.1.2.3',
          netmask: '255.0.0.0',
          method: 'radius',
          options: ['radiusservers', 'radiussecrets'],
        },
        {
          lineNumber: 4,
          type: 'hostssl',
          databases: ['all'],
          users: ['all'],
          address: 'fe80::1',
          netmask: 'ffff:ffff:ffff:ffff::',
          method: 'cert',
          options: ['map', `clientcert=${major >= 12 ? 'verify-full' : 'true'}`],
        },
        {
          lineNumber: 5,
          type: 'hostnossl',
          databases: ['all'],
          users: ['all'],
          address: '.example.com',
          method: 'reject',
          options: [],
        },
      ]);
      const files = new Set(rules.map(({ fileName }) => fileName));
      expect([...files]).toEqual([join(server.dataFolder, 'pg_hba.conf')]);
    });

    test.for([
      ['of an unknown method', 'host all all all nosuch', 'invalid authentication method "nosuch"'],
      ['of cert without TLS', 'host all all all cert', 'cert authentication is only supported on hostssl connections'],
      ['that ends too soon', 'host all all', 'end-of-line before IP address specification'],
      ['of a file that is not there', 'host @missing all all md5', 'No such file or directory'],
    ] as const)('finds the line %s, which keeps the file from being loaded', async ([, line, error]) => {
      const caller: Connection = { destination: { database: 'shop' }, role: 'app', address: '127.0.0.1' };
      await server.setHba(['host all all all trust']);
      // The server says that it reloads before it reads the file; whoever gets in by the rule knows that it has.
      expect(await knock(caller)).toBe('nothing');
      await server.setHba([line, 'hostssl all all all scram-sha-256']);
      const facts = await readFacts();
      expect(facts.faults).toEqual([expect.objectContaining({ lineNumber: 3 })]);
      expect(facts.faults[0]?.error).toContain(error);
      expect(await knock(caller), 'the rules from before are in force').toBe('nothing');
      expect(acceptance(facts, 'plaintext').status).toBe('unknown');
    });

    test.runIf(major >= 12)(
      'finds a line without a reason, of which the view shows nothing (PostgreSQL 12 and newer)',
      async () => {
        const { faults } = await factsOf('hostssl all all all scram-sha-256 clientcert=bogus');
        expect(faults.map(({ lineNumber, error }) => [lineNumber, error])).toEqual([[3, undefined]]);
      },
    );

    test('keeps a rule that is in force and can match nothing', async () => {
      await setSsl('off');
      try {
        await server.setHba(['hostssl all all all trust', 'host all all all password']);
        const facts = await readFacts();
        expect(facts.faults).toEqual([]);
        expect(facts.rules.at(-2)?.warning).toContain('SSL is disabled');
        const knocked = await knock({ destination: { database: 'shop' }, role: 'app', address: '127.0.0.1' });
        expect(knocked).toBe('password');
        expect(rulesOf(acceptance(facts, 'plaintext')).map(({ lineNumber }) => lineNumber)).toEqual([4]);
      } finally {
        await setSsl('on');
      }
    });

    test.runIf(major >= 16)('follows rules into the files they are in (PostgreSQL 16 and newer)', async () => {
      await writeFile(join(server.dataFolder, 'more.conf'), '# more\nhost all all 10.0.0.0/8 md5\n');
      await chmod(join(server.dataFolder, 'more.conf'), 0o644);
      const { rules } = await factsOf('hostssl all app all md5', 'include more.conf', 'hostssl all all all md5');
      expect(rules.slice(2).map(({ fileName, lineNumber }) => [fileName?.split('/').at(-1), lineNumber])).toEqual([
        ['pg_hba.conf', 3],
        ['more.conf', 2],
        ['pg_hba.conf', 5],
      ]);
    });

    test('knows roles through other roles, inherited or not, and databases that take no connections', async () => {
      const { roles, databases } = await factsOf('hostssl all all all md5');
      const memberships = new Memberships(
        roles.flatMap(({ memberOf }, member) => memberOf.map((group) => ({ member, group }))),
      );
      const memberOf = (name: string) =>
        [...memberships.groupsOf(roles.findIndex((role) => role.name === name))].map((at) => roles[at]?.name).sort();
      expect(memberOf('deputy')).toEqual(['leads', 'staff']);
      expect(memberOf('app')).toEqual(['staff']);
      expect(memberOf('boss')).toEqual([]);
      expect(roles.find(({ name }) => name === 'staff')).toMatchObject({ canLogin: false, superuser: false });
      expect(roles.find(({ name }) => name === 'courier')).toMatchObject({ canLogin: true, replication: true });
      expect(databases.filter(({ allowConnections }) => !allowConnections).map(({ name }) => name)).toEqual([
        'template0',
      ]);
      expect(databases.at(-1)?.name, 'templates come last').toMatch(/^template/);
    });

    test.runIf(major >= 16)(
      "matches names against patterns with the server's own regular expressions (PostgreSQL 16 and newer)",
      async () => {
        const { patterns } = await factsOf('hostssl /^(?:shop|ord) "/(?i)^SH","/^(.)\\1" all md5');
        const matched = patterns.map(({ token, roles, databases }) => [token, roles, databases]);
        expect(matched.sort()).toEqual([
          ['/(?i)^SH', ['Shop'], ['shop']],
          ['/^(.)\\1', [], []],
          ['/^(?:shop|ord)', [], expect.arrayContaining(['orders', 'shop'])],
        ]);
      },
    );
  });
});

/** The engine's judgement of one connection. */
function evaluate(facts: HbaFacts, { destination, role, address }: Connection): Acceptance {
  const to = destination === 'physical-replication' ? undefined : destination.database;
  const only: HbaFacts = {
    ...facts,
    // Others stay, as groups and as names that exist.
    roles: facts.roles.map((each) => {
      const replicates = to === undefined;
      return { ...each, canLogin: each.name === role, ...(replicates ? {} : { superuser: false, replication: false }) };
    }),
    databases: facts.databases.map((each) => ({ ...each, allowConnections: each.name === to })),
  };
  return acceptance(only, 'plaintext', originOf(address));
}

function rulesOf(evaluated: Acceptance): readonly HbaRule[] {
  if (evaluated.status === 'unknown') throw new Error(evaluated.reason);
  return evaluated.status === 'closed' ? [] : evaluated.permissiveRules.map(({ rule }) => rule);
}

/** What the server asks for by the rule that decides. */
function answerOf(evaluated: Acceptance): Answer {
  const rules = rulesOf(evaluated);
  if (evaluated.status === 'open') expect(evaluated.permissiveRules.map(({ doubt }) => doubt)).toEqual([undefined]);
  const [rule] = rules;
  if (rule === undefined) return 'refused';
  if (rule.method === 'trust') return 'nothing';
  // Roles whose passwords are stored for SCRAM are asked for it by md5 as well.
  return rule.method === 'password' ? 'password' : 'scram';
}

function everyConnection({ databases, roles }: HbaFacts): readonly Connection[] {
  const logins = roles.filter(({ canLogin }) => canLogin);
  const sessions = databases
    .filter(({ allowConnections }) => allowConnections)
    .flatMap(({ name }) => logins.map((role) => ({ destination: { database: name }, role: role.name })));
  const replicators = logins
    .filter(({ superuser, replication }) => superuser || replication)
    .map(({ name }) => ({ destination: 'physical-replication' as const, role: name }));
  return [...sessions, ...replicators].flatMap((each) => CLIENT_ADDRESSES.map((address) => ({ ...each, address })));
}

function originOf(...addresses: readonly string[]): Origin {
  return { blocks: addresses.map((address) => cidr(`${address}/${address.includes(':') ? 128 : 32}`)), except: [] };
}

/** A comma-separated list of one or two. */
function someOf(...tokens: readonly string[]): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...tokens), { minLength: 1, maxLength: 2 }).map((chosen) => chosen.join(','));
}
