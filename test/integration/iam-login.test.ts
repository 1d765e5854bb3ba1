// Logins by IAM database authentication: the SDK's own signer, and a server that checks the token of each login.

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type Authority, createAuthority } from '../../lab/certificates.ts';
import { audit } from '../../lab/collector.ts';
import { type IamServer, startIamServer } from '../../lab/iam-server.ts';
import { majorsUnderTest, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';

const [major = 18] = majorsUnderTest().toReversed();
const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not/a/real+key' };

let authority: Authority;
let server: PostgresServer;
let front: IamServer;

beforeAll(async () => {
  authority = await createAuthority();
  server = await startPostgres({
    major,
    hba: ['local all tls_auditor trust', 'host all all all scram-sha-256'],
    roles: [{ name: 'tls_auditor', grants: ['pg_monitor'] }],
  });
  front = await startIamServer(server, await authority.issue(), KEYS);
});

afterEach(() => vi.unstubAllEnvs());

afterAll(async () => {
  await front?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

function withKeys({ accessKeyId, secretAccessKey }: typeof KEYS, token = ''): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
  vi.stubEnv('AWS_SESSION_TOKEN', token);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
  vi.stubEnv('AWS_REGION', '');
}

async function auditByIam(target: Partial<Target> = {}): Promise<Snapshot> {
  const { snapshot } = await audit(
    {
      credentials: { iam: { role: 'tls_auditor', region: 'eu-west-1' } },
      host: front.host,
      port: front.port,
      authentication: ['password'],
      ...target,
    },
    { ca: authority.certificatePem },
  );
  return snapshot;
}

test('a target without any secret is audited, with a token for each login', async () => {
  withKeys(KEYS);
  const first = await auditByIam();
  expect(first.failure).toBeUndefined();
  expect(first.link).toMatchObject({ known: true, value: { authentication: 'password', authorized: true } });
  expect(first.sessions.known).toBe(true);
  await expect.poll(() => front.logins).toHaveLength(1);
  await auditByIam();
  expect(front.logins.map(({ refusal }) => refusal)).toEqual([undefined, undefined]);
});

test('the token is in nothing that an audit shows, also where the server refuses it', async () => {
  withKeys({ ...KEYS, secretAccessKey: 'another' }, 'canary-session-token');
  const snapshot = await auditByIam();
  expect(snapshot.failure).toMatchObject({ cause: 'login-refused', phase: 'login' });
  const { token = '', refusal } = front.logins.at(-1) ?? {};
  expect(refusal).toBe('the signature is another');
  const shown = JSON.stringify(snapshot);
  const signature = /X-Amz-Signature=(\w+)/.exec(token)?.[1] ?? '';
  expect(signature).toMatch(/^[0-9a-f]{64}$/);
  for (const secret of [token, signature, 'canary-session-token', 'another']) expect(shown).not.toContain(secret);
});

test('a server that is not proven gets no token', async () => {
  withKeys(KEYS);
  const before = front.logins.length;
  const { snapshot } = await audit(
    {
      credentials: { iam: { role: 'tls_auditor', region: 'eu-west-1' } },
      host: front.host,
      port: front.port,
      authentication: ['password'],
    },
    { ca: (await createAuthority()).certificatePem },
  );
  expect(snapshot.failure?.cause).toBe('certificate-untrusted');
  expect(front.logins).toHaveLength(before);
});

test('a server that asks for anything but a token gets no answer', async () => {
  withKeys(KEYS);
  const { snapshot } = await audit(
    {
      credentials: { iam: { role: 'tls_auditor', region: 'eu-west-1' } },
      ...{ host: server.host, port: server.port, authentication: ['password'] },
    },
    { ca: server.ca ?? '' },
  );
  expect(snapshot.failure).toMatchObject({ cause: 'authentication-not-allowed' });
  expect(snapshot.failure?.message).toContain('in place of an IAM token');
  expect(snapshot.failure?.remedy).toContain('GRANT rds_iam');
});

test('without AWS credentials the failure names what is missing, and nothing is sent', async () => {
  withKeys({ accessKeyId: '', secretAccessKey: '' });
  const before = front.logins.length;
  const snapshot = await auditByIam();
  expect(snapshot.failure).toMatchObject({ cause: 'iam-token-failed', phase: 'secrets' });
  expect(front.logins).toHaveLength(before);
});
