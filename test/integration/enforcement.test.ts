// The proof of the plan's commands for pg_hba.conf: random files of rules, changed by the very commands that the plan
// prints, on real servers. From loopback, over Unix sockets and, where one can be made, from a second network.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClientNetwork, openClientNetwork } from '../../lab/client-network.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { loopbackAddresses } from '../../lab/free-port.ts';
import { majorsUnderTest, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { type Answer, answerIn, startupMessage } from '../../lab/startup.ts';
import type { Destination } from '../../lambda/analysis/pg-hba/names.ts';
import type { Row } from '../../lambda/collect/answers/answer.ts';
import { requestTls } from '../../lambda/collect/connect/network.ts';
import { catalogueQuery } from '../../lambda/collect/postgres/catalogue-query.ts';
import { withQuotes } from '../../lambda/collect/postgres/hba-file.ts';
import { hbaFacts, hbaFileQuery, plainHbaQuery } from '../../lambda/collect/postgres/hba-queries.ts';
import type { AuditQuery } from '../../lambda/collect/postgres/query.ts';
import { planRules } from '../../lambda/enforcement/hba/change.ts';
import { fileEdits } from '../../lambda/enforcement/hba/edit.ts';
import { planStage } from '../../lambda/enforcement/hba/stage.ts';
import type { HbaFacts, HbaRule } from '../../lambda/model/hba.ts';

/** The files were not written after an audit of then. */
const LATER = '2099-01-01T00:00:00.000Z';

/** How many files; more by the environment, as does a seed that is to be repeated. */
const FILES = Number(process.env.PG_TLS_AUDITOR_ENFORCEMENT ?? 12);
/** So many files have of everything that is rare. */
const ENOUGH = 50;
const SEED = Number(process.env.PG_TLS_AUDITOR_SEED ?? Date.now() % 0x7fff_ffff);

const COUNTED = ['changed', 'unknown', 'refused', 'staged', 'stagedRefused', 'stagedKept'] as const;
/** Of all versions. */
const totals = { files: 0, changed: 0, unknown: 0, refused: 0, staged: 0, stagedRefused: 0, stagedKept: 0 };

const DATABASES = ['shop', 'app', 'all', 'replication', "o'neill $(id)"];
const LOGINS = ['app', 'boss', 'courier', 'deputy', 'all', '+staff', "it's; \\ `id`", 'q"u, #o \\'];
const REPLICATORS = ['boss', 'courier'];

/** How a connection is made. */
const WAYS = ['plaintext', 'tls', 'socket'] as const;
type Way = (typeof WAYS)[number];

interface Connection {
  readonly destination: Destination;
  readonly role: string;
  readonly address: string;
}

const quotable = (...names: readonly string[]): readonly string[] => names.flatMap((name) => [name, `"${name}"`]);

/** A comma-separated list of one or two, with and without blanks. */
function someOf(...tokens: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(fc.constantFrom(...tokens), { minLength: 1, maxLength: 2 }), fc.constantFrom(',', ', '))
    .map(([chosen, comma]) => chosen.join(comma));
}

const run = promisify(execFile);
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
    await server.adminQuery('CREATE ROLE staff NOLOGIN; GRANT staff TO app, deputy');
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

  /** @param seesFile whether the login may read the file itself, which shows what is quoted */
  async function readFacts(seesFile: boolean): Promise<HbaFacts> {
    const facts = hbaFacts(await ask(plainHbaQuery), { major, catalogue: await ask(catalogueQuery) });
    if (!seesFile) return facts;
    return { ...facts, rules: withQuotes(facts.rules, await ask(hbaFileQuery('part')), major) };
  }

  async function knock(way: Way, { destination, role, address }: Connection): Promise<Answer> {
    const message = startupMessage(destination, role);
    if (way === 'socket') {
      return talk(connect(join(server.socketFolder, `.s.PGSQL.${server.port}`)), message);
    }
    const to = { host: hostFor(address), port: server.port, localAddress: address };
    if (isClient(address)) {
      return answerIn(await (network as ClientNetwork).call({ ...to, message, tls: way === 'tls' }));
    }
    return talk(connect(to), message, way === 'tls');
  }

  async function talk(socket: Socket, message: Buffer, tls = false): Promise<Answer> {
    const endpoint = { host: 'x', port: 1, verifiedName: 'localhost', sslNegotiation: 'postgres' } as const;
    try {
      await once(socket, 'connect');
      if (tls) await requestTls(socket, endpoint, AbortSignal.timeout(20_000));
      const stream = tls ? connectTls({ socket, ca: server.ca, servername: 'localhost' }) : socket;
      stream.write(message);
      let reply = Buffer.alloc(0);
      for await (const chunk of stream) {
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
    if (isLoopback(address) || typeof network === 'string') return isIpv6 ? '::1' : '127.0.0.1';
    return isIpv6 ? network.server.ipv6 : network.server.ipv4;
  }

  const loopback = [...loopbackAddresses(), ...(process.platform === 'linux' ? ['127.0.0.2', '127.1.2.3'] : [])];
  // The server's own address towards its clients too: it is a network's, and samehost.
  const addresses =
    typeof network === 'string' ? loopback : [...loopback, ...network.clients, ...network.clients, network.server.ipv4];
  const subnet = typeof network === 'string' ? '10.213.0' : network.server.ipv4.replace(/\.\d+$/, '');

  const line = fc
    .record({
      type: fc.constantFrom(
        ...['host', 'host', 'host', 'host', '"host"', 'hostssl', 'hostnossl', 'hostnossl', 'local'],
        ...(major >= 12 ? ['hostgssenc', 'hostnogssenc'] : []),
      ),
      databases: someOf(
        ...quotable('all', 'replication', 'sameuser', 'samerole', 'shop'),
        ...['@names', '"o\'neill $(id)"', '/^s', 'all', 'all', 'all', 'nowhere'],
      ),
      users: someOf(
        ...quotable('all', '+staff', 'app', 'boss'),
        '"it\'s; \\ `id`"',
        ...['courier', 'deputy', '+"staff"', '@people', '/^[ab]', 'all', 'all', 'all', '"a""b"'],
      ),
      address: fc.constantFrom(
        ...quotable('all', 'samehost', 'samenet'),
        ...['all', 'all', 'all', '0.0.0.0/0', '0.0.0.0/0', '::/0', '127.0.0.0/8', '"127.0.0.1/32"'],
        ...['127.0.0.1 255.0.0.255', '0.0.0.0 128.0.0.1', '0.0.0.0\t0.0.0.0', '"0.0.0.0/0"', '"0.0.0.0"  "0.0.0.0"'],
        ...[`${subnet}.0/25`, `${subnet}.128/25`, `${subnet}.0 255.255.255.1`, 'fd97:213::/32', 'localhost'],
      ),
      method: fc.constantFrom('trust', 'trust', 'reject', 'scram-sha-256', 'scram-sha-256', 'md5'),
      form: fc.nat(6),
    })
    .map(({ type, databases, users, address, method, form }) => {
      const fields = [type, databases, users, ...(type === 'local' ? [] : [address]), method];
      if (form === 0) return `${fields.join('\t ')} # "all" host all reject`;
      if (form === 1 && major >= 14) return `${fields.slice(0, 2).join(' ')} \\\n  ${fields.slice(2).join(' ')}`;
      if (form === 2 && major >= 14) return `${fields[0]}\\\n ${fields.slice(1, -1).join(' ')}\\\n ${fields.at(-1)}`;
      if (form === 3) return `# a comment \n\n  ${fields.join('  ')}`;
      return fields.join(' ');
    });
  const file = fc.record({
    lines: fc.array(line, { minLength: 1, maxLength: 6 }),
    included: fc.array(line, { maxLength: 2 }),
    twice: fc.boolean(),
    names: fc.array(fc.constantFrom(...quotable('all', 'shop', 'replication')), { minLength: 1, maxLength: 3 }),
    people: fc.array(fc.constantFrom(...quotable('all', '+staff', 'boss')), { minLength: 1, maxLength: 3 }),
    seesFile: fc.boolean(),
    done: fc.subarray([...LOGINS], { minLength: 1 }),
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

  test(`${FILES} random files, by seed ${SEED}`, { timeout: 600_000 }, async () => {
    const seen = {
      closed: 0,
      unknown: 0,
      blind: 0,
      changed: 0,
      refused: 0,
      kept: 0,
      staged: 0,
      stagedRefused: 0,
      stagedKept: 0,
    };
    await fc.assert(
      fc.asyncProperty(file, tried, async (chosen, connections) => {
        const { lines, included, twice, names, people, seesFile, done } = chosen;
        await write('names', names.join('\n'));
        await write('people', people.join(' '));
        await write('more.conf', included.join('\n'));
        const include = major >= 16 && included.length > 0 ? ['include more.conf'] : [];
        await server.setHba([...(twice ? include : []), ...lines, ...include]);
        const facts = await readFacts(seesFile);
        expect(facts.faults, 'the file is read').toEqual([]);
        const before = await answersTo(connections);
        // Without the quotes of a line there is mostly no stage.
        await tryStage(await readFacts(true), new Set(done), connections, before);
        const plan = planRules(facts);
        const isBlind = plan.status === 'unknown' && plan.reason.includes('quoted');
        // The file shows them, but for what other files (@names) hold.
        const hasNameFiles = [...lines, ...included].some((text) => text.includes('@'));
        expect(isBlind && seesFile && !hasNameFiles, 'quotes are known from the file').toBe(false);
        seen[isBlind ? 'blind' : plan.status === 'open' ? 'changed' : plan.status] += 1;
        if (plan.status !== 'open') {
          if (plan.status === 'closed') holdsClosed(connections, before);
          return;
        }
        const edits = fileEdits(plan.changes, major, LATER);
        const texts = await filesOf(facts);
        await shell(edits.map(({ command }) => command));
        const changed = await filesOf(facts);
        await shell(edits.map(({ command }) => command));
        expect(await filesOf(facts), 'a second time changes nothing').toEqual(changed);
        await server.reload();
        const then = await readFacts(seesFile);
        expect(then.faults, 'what was changed is read').toEqual([]);
        if (seesFile) expect(then.rules.map(shape)).toEqual(plan.after.map(({ rule }) => shape(rule)));
        expect(planRules(then).status, 'there is nothing left to change').toBe('closed');
        const after = await answersTo(connections);
        for (const [index, connection] of connections.entries()) {
          const was = before[index];
          const is = after[index];
          if (was === undefined || is === undefined) throw new Error('an answer is missing');
          expect({ connection, ...is }).toEqual({ connection, ...expected(connection, was, is) });
          if (was.plaintext !== 'refused' && !isLoopback(connection.address)) seen.refused += 1;
          if (is.tls !== 'refused') seen.kept += 1;
        }
        await shell(edits.map(({ rollback }) => rollback));
        expect(await filesOf(facts), 'the roll back brings every byte back').toEqual(texts);
      }),
      // Other files for each version.
      { numRuns: FILES, seed: SEED + major },
    );
    process.stdout.write(`PostgreSQL ${major}, seed ${SEED}: ${JSON.stringify(seen)}\n`);
    expect(seen.changed, 'files that need no change, or have no plan, test nothing').toBeGreaterThan(0);
    expect(seen.kept, 'clients that get in').toBeGreaterThan(0);
    for (const what of COUNTED) totals[what] += seen[what];
    totals.files += FILES;

    /** Closes plaintext to some roles, by the commands of the stage, and takes the way back. */
    async function tryStage(
      facts: HbaFacts,
      done: ReadonlySet<string>,
      chosen: readonly Connection[],
      answers: readonly Answers[],
    ): Promise<void> {
      const stage = planStage(facts, done);
      if (stage === undefined) return;
      const clients = typeof network === 'string' ? [] : network.clients.slice(0, 2);
      const others = ['app', 'boss', 'deputy'].filter((role) => !stage.roles.includes(role));
      const ofStage = clients.flatMap((address) =>
        [...stage.roles.slice(0, 3), ...others].map(
          (role): Connection => ({ destination: { database: 'shop' }, role, address }),
        ),
      );
      const connections = [...chosen, ...ofStage];
      const before = [...answers, ...(await answersTo(ofStage))];
      seen.staged += 1;
      expect(stage.roles.filter((role) => !done.has(role) || role === 'boss' || role === 'courier')).toEqual([]);
      const edits = fileEdits(stage.changes, major, LATER);
      const texts = await filesOf(facts);
      await shell(edits.map(({ command }) => command));
      await server.reload();
      const then = await readFacts(true);
      expect(then.faults, 'what was staged is read').toEqual([]);
      expect(then.rules.map(shape)).toEqual(stage.after.map(shape));
      expect(planStage(then, done), 'a stage is run once').toBeUndefined();
      const after = await answersTo(connections);
      for (const [index, connection] of connections.entries()) {
        const was = before[index];
        if (was === undefined) throw new Error('an answer is missing');
        const closes = stage.roles.includes(connection.role) && !isLoopback(connection.address);
        const now = closes ? { ...was, plaintext: 'refused' } : was;
        expect({ connection, staged: stage.roles, ...after[index] }).toEqual({
          connection,
          staged: stage.roles,
          ...now,
        });
        if (closes && was.plaintext !== 'refused') seen.stagedRefused += 1;
        if (!closes && was.plaintext !== 'refused' && !isLoopback(connection.address)) seen.stagedKept += 1;
      }
      await shell(edits.map(({ rollback }) => rollback));
      expect(await filesOf(facts), 'the way back of the stage').toEqual(texts);
      await server.reload();
    }
  });

  type Answers = Readonly<Record<Way, Answer>>;

  async function answersTo(connections: readonly Connection[]): Promise<readonly Answers[]> {
    return Promise.all(
      connections.map(async (each) => {
        const [plaintext, tls, socket] = await Promise.all(WAYS.map((way) => knock(way, each)));
        return { plaintext, tls, socket } as Answers;
      }),
    );
  }

  /** What has to be so after the change. */
  function expected({ address }: Connection, was: Answers, is: Answers): Answers {
    const onLoopback = isLoopback(address);
    const overTls = was.tls === 'refused' && !onLoopback ? was.plaintext : was.tls;
    // Who got in over loopback without TLS may get in with it.
    const mayOverTls = onLoopback && was.tls === 'refused' && is.tls === was.plaintext ? is.tls : overTls;
    return { plaintext: onLoopback ? was.plaintext : 'refused', tls: mayOverTls, socket: was.socket };
  }

  function holdsClosed(connections: readonly Connection[], before: readonly Answers[]): void {
    for (const [index, { address }] of connections.entries()) {
      if (!isLoopback(address)) expect(before[index]?.plaintext, 'said to be closed').toBe('refused');
    }
  }

  function shape({ type, address, netmask, method, databases, users }: HbaRule): unknown {
    return { type, address, netmask, method, databases, users };
  }

  async function filesOf({ rules }: HbaFacts): Promise<readonly string[]> {
    const names = [...new Set(rules.map(({ fileName }) => fileName ?? join(server.dataFolder, 'pg_hba.conf')))];
    return Promise.all(names.map((name) => readFile(name, 'utf8')));
  }

  async function shell(commands: readonly string[]): Promise<void> {
    await run('bash', ['-euo', 'pipefail', '-c', commands.join('\n')]);
  }

  async function write(name: string, content: string): Promise<void> {
    await writeFile(join(server.dataFolder, name), `${content}\n`);
    await chmod(join(server.dataFolder, name), 0o644);
  }
});

// A few files have none of them by chance.
test.runIf(majorsUnderTest().length * FILES >= ENOUGH)(
  `the files try all that there is to try (of ${ENOUGH} files or more)`,
  () => {
    expect(totals.changed, 'files that need a change').toBeGreaterThan(totals.files / 5);
    expect(totals.unknown, 'plans that give up, which are of no use').toBeLessThan(totals.files / 4);
    expect(totals.staged, 'files with a stage').toBeGreaterThan(totals.files / 25);
    if (typeof network === 'string') return;
    expect(totals.refused, 'clients that break').toBeGreaterThan(0);
    expect(totals.stagedRefused, 'roles that are done').toBeGreaterThan(0);
    expect(totals.stagedKept, 'roles that are not').toBeGreaterThan(0);
  },
);

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
