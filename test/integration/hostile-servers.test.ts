// Hostile and broken servers, each beside a healthy one: none of them costs the other anything, none is called clean,
// and none gets or shows the password.

import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedCertificate } from '../../lab/certificates.ts';
import { rdsSecret, targetOf } from '../../lab/collector.ts';
import { healthyServer } from '../../lab/healthy-server.ts';
import { HOSTILE_KINDS } from '../../lab/hostile-kinds.ts';
import { type HostileServer, hostilePostgres, hostileTcp } from '../../lab/hostile-postgres.ts';
import { type HostileScenario, PASSWORD, SCRIPTED_SCENARIOS } from '../../lab/hostile-scenarios.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { auditTargets } from '../../lambda/audit.ts';
import { createTrustStore } from '../../lambda/collect/connect/trust.ts';
import { createSourceReader } from '../../lambda/collect/secrets/sources.ts';
import { parseConfig } from '../../lambda/config/index.ts';
import { systemClock } from '../../lambda/model/time.ts';
import { buildReport } from '../../lambda/report/build-report.ts';

const HOSTILE_SCENARIOS = [...SCRIPTED_SCENARIOS, ...HOSTILE_KINDS];
const { policy } = parseConfig({ targets: [{ name: 'x', secret: 'x' }] }, { use: 'deployment' });
/** Of a hostile target. */
const TIMEOUT_MS = 2_000;
/** What ends by itself does so soon after that, also on a busy machine. */
const AFTERWARDS_MS = 8_000;
/** Less than the function has by default, by far; a flood without bounds takes it within three seconds. */
const MOST_MEMORY = 700 * 1024 * 1024;

let authority: Authority;
let certificate: IssuedCertificate;
let healthy: PostgresServer;

beforeAll(async () => {
  authority = await createAuthority();
  certificate = await authority.issue({ dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
  healthy = await startPostgres(
    healthyServer({
      roles: [{ ...AUDITOR, password: PASSWORD }],
    }),
  );
});
afterAll(() => healthy[Symbol.asyncDispose]());

function start({ tcp, script, start: starts }: HostileScenario): Promise<HostileServer> {
  if (starts !== undefined) return starts({ certificate, healthy });
  if (script !== undefined) return hostilePostgres(certificate, script);
  if (tcp !== undefined) return hostileTcp(tcp);
  throw new Error('a scenario has a start, tcp or a script');
}

/** The sum of what JavaScript and its buffers take, sampled while something runs. */
function watchMemory(): { readonly most: () => number } & Disposable {
  let most = 0;
  const sample = (): void => {
    const { heapUsed, external } = process.memoryUsage();
    most = Math.max(most, heapUsed + external);
  };
  const timer = setInterval(sample, 20);
  return { most: () => most, [Symbol.dispose]: () => clearInterval(timer) };
}

async function auditBeside({ host, port }: HostileServer, { target, renewedPassword }: HostileScenario) {
  const login = { host, port, username: 'tls_auditor', password: PASSWORD };
  const secrets: Readonly<Record<string, string>> = {
    hostile: JSON.stringify(login),
    'hostile-ca': `${authority.certificatePem}${healthy.ca}`,
    healthy: rdsSecret(healthy, 'tls_auditor'),
    'healthy-ca': healthy.ca ?? '',
  };
  const get = async (id: string) => secrets[id] ?? '';
  const refresh = async (id: string) =>
    id === 'hostile' ? JSON.stringify({ ...login, password: renewedPassword ?? PASSWORD }) : await get(id);
  const sources = createSourceReader({ get, refresh }, {});
  const targets = ['hostile', 'healthy'].map((name) =>
    targetOf({
      name,
      credentials: { secret: name },
      ca: [{ secret: `${name}-ca` }],
      ...(name === 'hostile' ? { timeoutMs: TIMEOUT_MS, ...target } : {}),
    }),
  );
  return await auditTargets(
    { targets, concurrency: 2, policy: { ...policy, preferredTlsVersion: 'TLSv1.3' } },
    {
      collector: { sources, trust: createTrustStore(sources), clock: systemClock },
      deadline: AbortSignal.timeout(30_000),
    },
  );
}

test('there are at least 120 of them, each with a name of its own', () => {
  const names = new Set(HOSTILE_SCENARIOS.map(({ name }) => name));
  expect(names.size).toBe(HOSTILE_SCENARIOS.length);
  expect(names.size).toBeGreaterThanOrEqual(120);
});

describe('a server that', { concurrent: true }, () => {
  test.each(HOSTILE_SCENARIOS)('$name', async (scenario) => {
    await using server = await start(scenario);
    using memory = watchMemory();
    const started = performance.now();
    const run = await auditBeside(server, scenario);
    const took = performance.now() - started;

    const [hostile, other] = run.audited;
    expect(other?.snapshot.failure).toBeUndefined();
    expect(other).toMatchObject({ verdict: 'clean', findings: [] });

    expect(hostile?.verdict).not.toBe('clean');
    const { failure } = hostile?.snapshot ?? {};
    expect([...scenario.causes], failure?.message).toContain(failure?.cause);
    expect(took).toBeLessThan((scenario.target?.timeoutMs ?? TIMEOUT_MS) + AFTERWARDS_MS);
    expect(memory.most()).toBeLessThan(MOST_MEMORY);

    // Neither what it got nor what is said of it holds the password, and nothing of it is shown raw.
    const shown = JSON.stringify(buildReport(run)) + inspect(run, { depth: 12 });
    for (const password of [PASSWORD, scenario.renewedPassword ?? PASSWORD]) {
      expect(server.decrypted().includes(password)).toBe(false);
      expect(shown).not.toContain(password);
      expect(shown).not.toContain(Buffer.from(password).toString('base64').slice(0, 24));
      expect(shown).not.toContain(Buffer.from(password).toString('hex'));
    }
    expect(failure?.message ?? '').not.toMatch(/[\u0000-\u001f\u007f\u202a-\u202e]|<!|:\/\//);
  });
});
