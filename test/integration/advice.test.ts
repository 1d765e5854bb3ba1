// What is advised for pg_hba.conf, applied to the letter on real servers: the finding is gone, nothing is let in that
// was not, and whoever came over TLS still does.

import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { POLICY } from '../../lab/snapshots.ts';
import { type Answer, answerIn, startupMessage } from '../../lab/startup.ts';
import type { Destination } from '../../lambda/analysis/pg-hba/names.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { requestTls } from '../../lambda/collect/connect/network.ts';
import type { Finding } from '../../lambda/model/finding.ts';
import type { LoopbackPolicy } from '../../lambda/model/policy.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

const RULE_CHECKS: readonly string[] = ['plaintext-allowed', 'weak-password-authentication', 'plaintext-accepted'];

/** How Debian's initdb and a first administrator leave it. */
const DEBIAN = [
  '# DO NOT DISABLE!',
  'local   all             all                                     trust',
  'host    all             all             127.0.0.1/32            scram-sha-256',
  'host    all             all             ::1/128                 scram-sha-256',
  'local   replication     all                                     trust',
  'host    replication     all             127.0.0.1/32            scram-sha-256',
  'host    replication     all             ::1/128                 scram-sha-256',
];

const FILES: Readonly<Record<string, readonly string[]>> = {
  'as Debian has it': DEBIAN,
  'with a network added': [...DEBIAN, 'host shop app 10.0.0.0/8 md5', 'host all all 0.0.0.0/0 scram-sha-256'],
  'with quoted keywords': ['hostnossl "all" all all reject', 'host all all all scram-sha-256'],
  'with a database in quotes': ['host "replication",shop all all md5', 'hostssl all all all scram-sha-256'],
  'with weaker lines below': [
    'hostssl all tls_auditor 127.0.0.1/32 scram-sha-256',
    'host shop all all scram-sha-256',
    'host all app 127.0.0.0/8 trust',
    'hostnossl all all all password',
  ],
};

const WHO: readonly (readonly [Destination, string, string])[] = [
  ...(['shop', 'app', 'replication'] as const).flatMap((database) =>
    ['app', 'boss', 'tls_auditor'].flatMap((role) =>
      ['127.0.0.1', '127.9.9.9', '::1'].map((address) => [{ database }, role, address] as const),
    ),
  ),
  ...['127.0.0.1', '::1'].map((address) => ['physical-replication', 'boss', address] as const),
];

describe('advice for pg_hba.conf', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({
      databases: ['shop', 'app', 'replication'],
      roles: [AUDITOR, { name: 'app' }, { name: 'boss', attributes: 'SUPERUSER' }],
    });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function auditAs(login: 'tls_auditor' | 'boss', loopback: LoopbackPolicy): Promise<readonly Finding[]> {
    const { snapshot } = await audit({ probe: true }, { db: rdsSecret(server, login), ca: server.ca ?? '' });
    expect(snapshot.failure, JSON.stringify(snapshot.failure)).toBeUndefined();
    return rulesFindings(snapshot, loopback);
  }

  function rulesFindings(snapshot: Snapshot, loopback: LoopbackPolicy): readonly Finding[] {
    return evaluate(snapshot, { ...POLICY, loopback }).findings.filter(({ check }) => RULE_CHECKS.includes(check));
  }

  /** What the server answers to each, unencrypted and over TLS. */
  async function answers(encryption: 'plaintext' | 'tls'): Promise<readonly (readonly [string, Answer])[]> {
    return Promise.all(
      WHO.map(async ([destination, role, address]) => {
        const answer = await knock(encryption, startupMessage(destination, role), address);
        return [JSON.stringify([destination, role, address]), answer] as const;
      }),
    );
  }

  async function knock(encryption: 'plaintext' | 'tls', message: Buffer, localAddress: string): Promise<Answer> {
    const host = localAddress.includes(':') ? '::1' : '127.0.0.1';
    const endpoint = { host, port: server.port, verifiedName: 'localhost', sslNegotiation: 'postgres' } as const;
    const signal = AbortSignal.timeout(20_000);
    const socket = connect({ host, port: server.port, localAddress });
    try {
      await once(socket, 'connect');
      if (encryption === 'tls') await requestTls(socket, endpoint, signal);
      const stream = encryption === 'tls' ? connectTls({ socket, ca: server.ca, servername: 'localhost' }) : socket;
      stream.write(message);
      let reply = Buffer.alloc(0);
      for await (const chunk of stream) {
        reply = Buffer.concat([reply, chunk as Buffer]);
        if (reply.length >= 9 && reply.length > reply.readInt32BE(1)) return answerIn(reply);
      }
      throw new Error('no answer');
    } finally {
      socket.destroy();
    }
  }

  test.each(
    Object.entries(FILES).flatMap(([name, lines]) =>
      (
        [
          ['tls_auditor', 'network'],
          ['boss', 'info'],
        ] as const
      ).map(([login, loopback]) => [name, login, loopback, lines] as const),
    ),
  )('%s, to %s, with loopback "%s": ends the finding and opens nothing', async (_name, login, loopback, lines) => {
    // The audit needs a way in that stays.
    const way = `hostssl postgres,shop ${login} 127.0.0.1/32 scram-sha-256`;
    await server.setHba([way, ...lines]);
    const before = { plaintext: await answers('plaintext'), tls: await answers('tls') };
    for (let round = 0; round < 6; round += 1) {
      const findings = await auditAs(login, loopback);
      const [finding] = findings;
      if (finding === undefined) break;
      expect(await apply(finding.remedy), finding.remedy).toBeGreaterThan(0);
      await server.reload();
      const left = await auditAs(login, loopback);
      expect(left.map(({ fingerprint }) => fingerprint)).not.toContain(finding.fingerprint);
    }
    expect(await auditAs(login, loopback)).toEqual([]);
    const after = { plaintext: await answers('plaintext'), tls: await answers('tls') };
    for (const [index, [who, answer]] of after.plaintext.entries()) {
      if (answer !== 'refused')
        expect([before.plaintext[index]?.[1], 'scram'], `${who} in plaintext`).toContain(answer);
      if (before.plaintext[index]?.[1] === 'refused') expect(answer, `${who} in plaintext`).toBe('refused');
    }
    for (const [index, [who, answer]] of after.tls.entries()) {
      // Asked for more, perhaps: a method that is weak is replaced.
      expect(answer === 'refused', `${who} over TLS`).toBe(before.tls[index]?.[1] === 'refused');
    }
  });

  /** Changes the lines that the advice names. Returns how many. */
  async function apply(remedy: string): Promise<number> {
    const path = join(server.dataFolder, 'pg_hba.conf');
    const lines = (await readFile(path, 'utf8')).split('\n');
    const text = remedy.split('\n');
    let changes = 0;
    for (const [index, step] of text.entries()) {
      const replaced = /\bReplace line (\d+) of .* by:$/.exec(step);
      if (replaced !== null) lines[Number(replaced[1]) - 1] = text[index + 1] ?? '';
      const changed = /\bAt line (\d+) of [^,]*, change (.*)$/.exec(step);
      if (changed !== null)
        lines[Number(changed[1]) - 1] = edited(lines[Number(changed[1]) - 1] ?? '', changed[2] ?? '');
      if (replaced !== null || changed !== null) changes += 1;
    }
    await writeFile(path, lines.join('\n'));
    return changes;
  }

  function edited(line: string, change: string): string {
    const word = /the first word from (\w+) to (\w+)/.exec(change);
    const method = /the method \(.*?\) from ([\w-]+) to ([\w-]+)/.exec(change);
    const typed = word === null ? line : line.replace(new RegExp(`^${word[1]}\\b`), word[2] ?? '');
    return method === null ? typed : typed.replace(new RegExp(`${method[1]}$`), method[2] ?? '');
  }
});
