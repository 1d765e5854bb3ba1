// Thirty hostile servers at once, beside five healthy ones, in a process with the memory of a function: it survives
// them, and the healthy ones are clean.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditProcessInput, AuditProcessOutput } from '../../lab/audit-process.ts';
import { type Authority, createAuthority, type IssuedCertificate } from '../../lab/certificates.ts';
import { healthyServer } from '../../lab/healthy-server.ts';
import {
  auth,
  columns,
  hostilePostgres,
  message,
  parameter,
  row,
  type Script,
  scram,
  untilQuery,
} from '../../lab/hostile-postgres.ts';
import { flood, PASSWORD } from '../../lab/hostile-scenarios.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';

const HOSTILE = 30;
const HEALTHY = 5;
const HOSTILE_TIMEOUT = 6_000;
const HEALTHY_TIMEOUT = 40_000;
/** MiB. A function has 1,024. */
const HEAP = 700;

let authority: Authority;
let certificate: IssuedCertificate;
let healthy: PostgresServer;

beforeAll(async () => {
  authority = await createAuthority();
  certificate = await authority.issue({ dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
  healthy = await startPostgres(healthyServer({ roles: [{ ...AUDITOR, password: PASSWORD }] }));
});
afterAll(() => healthy[Symbol.asyncDispose]());

/** Sends rows like this one without end. */
const rows =
  (count: number, one: Buffer): Script =>
  async (peer) => {
    await untilQuery(peer);
    await peer.send(columns(count));
    await flood(peer, one);
  };

/** Sends messages like this one without end, in the login. */
const loginMessages =
  (...parts: readonly Buffer[]): Script =>
  async (peer) => {
    await peer.receive();
    await flood(peer, Buffer.concat(parts));
  };

const many = <T>(value: T, count: number): T[] => Array.from({ length: count }, () => value);

const FLOODS: readonly Script[] = [
  rows(1, Buffer.concat(many(row('x'), 1_000))),
  rows(1, row('x'.repeat(1_000_000))),
  rows(1, row('x'.repeat(15_000_000))),
  rows(1_000, Buffer.concat(many(row(...many('ab', 1_000)), 20))),
  loginMessages(message('N', `M${'x'.repeat(200_000)}\0\0`)),
  loginMessages(auth.ok, ...many(parameter('p', 'x'.repeat(60_000)), 20)),
];

/** The most that is computed, answered, and asked for again at the next login. */
const LONG_HASHES: readonly Script[] = [
  (peer) => scram(peer, 'another password', { iterations: 1_000_000 }),
  (peer) => scram(peer, PASSWORD, { iterations: 1_000_000, final: () => undefined }),
  async (peer) => {
    await scram(peer, PASSWORD, { iterations: 600_000 });
    peer.reset();
  },
];

test.each([
  ['floods', FLOODS],
  ['ask for SCRAM with a million iterations', LONG_HASHES],
])('thirty servers that %s cost five healthy ones nothing', async (_what, scripts) => {
  await using stack = new AsyncDisposableStack();
  const login = { username: 'tls_auditor', password: PASSWORD };
  const targets: AuditProcessInput['targets'][number][] = [];
  for (let index = 0; index < HOSTILE; index += 1) {
    const script = scripts[index % scripts.length];
    if (script === undefined) throw new Error('there are no scripts');
    const { host, port } = stack.use(await hostilePostgres(certificate, script));
    const secret = JSON.stringify({ host, port, ...login });
    targets.push({ name: `hostile-${index}`, secret, timeoutMs: HOSTILE_TIMEOUT });
  }
  const { host, port } = healthy;
  for (let index = 0; index < HEALTHY; index += 1) {
    const secret = JSON.stringify({ host, port, ...login });
    targets.push({ name: `healthy-${index}`, secret, timeoutMs: HEALTHY_TIMEOUT });
  }
  const { code, output } = await auditInProcess({
    deadline: 60_000,
    ca: `${authority.certificatePem}${healthy.ca}`,
    targets,
  });

  expect(code).toBe(0);
  const verdicts = (kind: string) => output.targets.filter(({ name }) => name.startsWith(kind));
  expect(verdicts('healthy').map(({ verdict }) => verdict)).toEqual(many('clean', HEALTHY));
  for (const { verdict, cause, message: said } of verdicts('hostile')) {
    expect(verdict).toBe('not-audited');
    expect(cause, said).not.toBe('internal-error');
  }
  expect(output.mostMemory).toBeLessThan(1_024);
});

async function auditInProcess(input: AuditProcessInput) {
  const program = join(import.meta.dirname, '..', '..', 'lab', 'audit-process.ts');
  const child = spawn(process.execPath, [`--max-old-space-size=${HEAP}`, '--no-warnings', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(input));
  const [written, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>]);
  if (written === '') throw new Error(`the process ended (${code}) and wrote nothing`);
  return { code, output: JSON.parse(written) as AuditProcessOutput };
}
