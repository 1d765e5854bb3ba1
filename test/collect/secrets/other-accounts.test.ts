// Secrets and log groups of other accounts: read with the role of that account, in that region, and with no other.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../../lab/aws.ts';
import { logGroupReaders } from '../../../lambda/collect/connection-log/cloudwatch.ts';
import { createSourceReader, describeSource } from '../../../lambda/collect/secrets/sources.ts';
import { createSecretStore, prefetchSecrets, secretsManagerClients } from '../../../lambda/collect/secrets/store.ts';
import { parseConfig } from '../../../lambda/config/index.ts';
import { failureOf } from '../canary.ts';

const OWN = '123456789012';
const SHOP = { account: '111122223333', region: 'us-east-1' };
const CRM = { account: '444455556666', region: 'us-east-1' };
const roleOf = ({ account }: { readonly account: string }) => ({
  roleArn: `arn:aws:iam::${account}:role/pg-tls-auditor-reader`,
  externalId: 'auditor-7',
});
const secretOf = (place: typeof SHOP, secret = 'audit/orders') => ({
  secret,
  place: { region: place.region, assumedRole: roleOf(place) },
});

let aws: AwsEndpoint;
beforeEach(async () => {
  aws = await startAwsEndpoint({ secrets: { 'audit/orders': 'own' } });
  for (const [name, value] of Object.entries(aws.environment())) vi.stubEnv(name, value);
  aws.sts.roles = [SHOP, CRM].map((place) => ({ arn: roleOf(place).roleArn, externalId: 'auditor-7' }));
  aws.setSecret('audit/orders', 'of the shop', SHOP);
  aws.setSecret('audit/ledger', 'ledger of the shop', SHOP);
  aws.setSecret('audit/orders', 'of the CRM', CRM);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await aws[Symbol.asyncDispose]();
});

test('one name in three accounts is three secrets, each read by its own role and once', async () => {
  const sources = createSourceReader(createSecretStore(secretsManagerClients()), {});
  const read = async () =>
    await Promise.all(
      [{ secret: 'audit/orders' }, secretOf(SHOP), secretOf(CRM), secretOf(SHOP, 'audit/ledger')].map((source) =>
        sources.read(source),
      ),
    );
  const values = ['own', 'of the shop', 'of the CRM', 'ledger of the shop'];
  expect(await read()).toEqual(values);
  expect(await read()).toEqual(values);
  const callers = aws.requests.filter(({ operation }) => /SecretValue$/.test(operation)).map(({ caller }) => caller);
  expect(callers).toHaveLength(3);
  expect(callers).toEqual(expect.arrayContaining([{ account: OWN, region: 'eu-west-1' }, SHOP, CRM]));

  aws.setSecret('audit/orders', 'rotated', SHOP);
  expect(await sources.read(secretOf(SHOP), { fresh: true })).toBe('rotated');
  expect(await sources.read({ secret: 'audit/orders' })).toBe('own');
});

test('what may not be read, or assumed, names the account and what to allow', async () => {
  const sources = createSourceReader(createSecretStore(secretsManagerClients()), {});
  aws.setSecret('audit/orders', { denied: true }, SHOP);
  expect((await failureOf(() => sources.read(secretOf(SHOP)))).failure).toMatchObject({
    cause: 'secret-access-denied',
    remedy: expect.stringContaining('allow secretsmanager:GetSecretValue on it'),
  });
  aws.sts.roles = [];
  const refused = await failureOf(() => sources.read(secretOf(CRM)));
  expect(refused.failure).toMatchObject({
    cause: 'secret-access-denied',
    message: expect.stringContaining('The role of the account that has the secret audit/orders could not be assumed'),
    remedy: expect.stringContaining('sts:AssumeRole'),
  });
  expect(describeSource(secretOf(CRM))).toBe('secret audit/orders of account 444455556666');
});

test('a secret of another account is asked for nowhere else, also before the audits begin', async () => {
  const store = createSecretStore(secretsManagerClients());
  const [target] = parseConfig({ targets: [{ name: 'a', secret: 'x' }] }, { use: 'deployment' }).targets;
  if (target === undefined) throw new Error('one target');
  prefetchSecrets([{ ...target, credentials: secretOf(SHOP) }], store);
  await new Promise(setImmediate);
  await createSourceReader(store, {}).read(secretOf(SHOP));
  expect(aws.requests.map(({ operation, caller }) => [operation, caller.account])).toEqual([
    ['AssumeRole', OWN],
    ['GetSecretValue', SHOP.account],
  ]);
});

test('a log group of another account is read with its role', async () => {
  const group = `arn:aws:logs:us-east-1:${SHOP.account}:log-group:/aws/rds/instance/orders/postgresql`;
  const read = async (assumedRole: ReturnType<typeof roleOf> | undefined) =>
    await logGroupReaders()({ logGroup: group, assumedRole }, undefined).read({
      position: undefined,
      from: Date.now() - 3_600_000,
      now: Date.now(),
      sink: { push: () => {}, end: () => {} },
      signal: AbortSignal.timeout(5_000),
    });
  await read(roleOf(SHOP));
  expect(aws.requests.find(({ operation }) => operation === 'FilterLogEvents')?.caller).toEqual(SHOP);
  aws.sts.roles = [];
  const { gaps } = await read(roleOf(SHOP));
  expect(gaps).toMatchObject([{ cause: 'not-allowed', remedy: expect.stringContaining('sts:AssumeRole') }]);
});
