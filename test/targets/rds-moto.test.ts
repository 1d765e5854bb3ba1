// Discovery against moto, which answers as RDS, STS and Secrets Manager of several accounts and regions do.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  AddTagsToResourceCommand,
  CreateDBClusterCommand,
  CreateDBInstanceCommand,
  RDSClient,
} from '@aws-sdk/client-rds';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, expect, test, vi } from 'vitest';
import { closedPort } from '../../lab/faulty-servers.ts';
import { credentialsOfRole } from '../../lambda/aws/assumed-role.ts';
import { createSourceReader } from '../../lambda/collect/secrets/sources.ts';
import { createSecretStore, secretsManagerClients } from '../../lambda/collect/secrets/store.ts';
import { parseConfig } from '../../lambda/config/index.ts';
import { systemClock } from '../../lambda/model/time.ts';
import { listTargets, TARGET_SOURCES } from '../../lambda/targets/index.ts';

const READER = { roleArn: 'arn:aws:iam::111122223333:role/pg-tls-auditor-reader' };

/** Importing it would take seconds. */
const HAS_MOTO = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("moto.server") is None)';
const MOTO = spawnSync('python3', ['-c', HAS_MOTO]).status === 0;
if (!MOTO) process.stderr.write('RDS of moto skipped: python3 has no moto with its server\n');

afterEach(() => void vi.unstubAllEnvs());

test.skipIf(!MOTO)("moto's RDS: engines, tags, clusters, regions, and another account with its secrets", async () => {
  // The port is free again at once: nothing listened on it.
  const { port } = await closedPort();
  const server = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const ended = once(server, 'exit');
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => {
    server.kill('SIGKILL');
    await ended;
  });
  const endpoint = `http://127.0.0.1:${port}`;
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'AKIALABMOTO000000000',
    AWS_SECRET_ACCESS_KEY: 'not-a-secret',
  })) {
    vi.stubEnv(name, value);
  }
  await vi.waitFor(() => fetch(`${endpoint}/moto-api/`), { timeout: 50_000, interval: 200 });

  const own = new RDSClient({ region: 'eu-west-1' });
  const abroad = new RDSClient({ region: 'us-east-1' });
  const credentials = credentialsOfRole(READER, 'eu-west-1');
  const shop = new RDSClient({ region: 'eu-west-1', credentials });
  const create = async (client: RDSClient, id: string, more: object = {}) => {
    await client.send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier: id,
        DBInstanceClass: 'db.r6g.large',
        Engine: 'postgres',
        AllocatedStorage: 20,
        MasterUsername: 'root',
        MasterUserPassword: 'not-a-secret',
        EnableIAMDatabaseAuthentication: true,
        Tags: [{ Key: 'pg-tls-auditor', Value: 'on' }],
        ...more,
      }),
    );
  };
  await create(own, 'orders');
  await create(own, 'untagged', { Tags: [] });
  await create(own, 'mysql', { Engine: 'mysql' });
  const { DBCluster } = await own.send(
    new CreateDBClusterCommand({
      DBClusterIdentifier: 'web',
      Engine: 'aurora-postgresql',
      MasterUsername: 'root',
      MasterUserPassword: 'not-a-secret',
    }),
  );
  await own.send(
    new AddTagsToResourceCommand({ ResourceName: DBCluster?.DBClusterArn, Tags: [{ Key: 'team', Value: 'web' }] }),
  );
  await create(own, 'web-1', {
    DBClusterIdentifier: 'web',
    Engine: 'aurora-postgresql',
    MasterUsername: undefined,
    MasterUserPassword: undefined,
    AllocatedStorage: undefined,
  });
  await create(abroad, 'orders');
  await create(shop, 'crm');
  await new SecretsManagerClient({ region: 'eu-west-1', credentials }).send(
    new CreateSecretCommand({ Name: 'audit/crm', SecretString: 'of the shop' }),
  );

  const rds = { regions: ['eu-west-1', 'us-east-1'] };
  const config = parseConfig(
    {
      discovery: [
        { rds, credentials: 'iam', role: 'tls_auditor', labels: { team: '${tag:team}' } },
        { rds: { ...rds, accounts: [READER] }, credentials: { secret: 'audit/${instance}' } },
      ],
    },
    { use: 'deployment' },
  );
  const list = await listTargets(TARGET_SOURCES, config, undefined, { folder: '.', clock: systemClock });
  expect(list.all.known ? '' : list.all.reason).toBe('');
  expect(list.found.map(({ name }) => name).toSorted()).toEqual([
    '111122223333/eu-west-1/crm',
    'own/eu-west-1/orders',
    'own/eu-west-1/web/web-1',
    'own/us-east-1/orders',
  ]);
  const uncovered = list.cloud.places.flatMap(({ facts }) => (facts.uncovered.known ? facts.uncovered.value : []));
  expect(uncovered.map(({ name }) => name)).toEqual(['own/eu-west-1/untagged']);
  expect(list.choices.map(({ name }) => name)).not.toContainEqual(expect.stringContaining('mysql'));
  expect(list.found.find(({ name }) => name.endsWith('web-1'))?.labels).toEqual({ team: 'web' });

  const crm = list.found.find(({ name }) => name.endsWith('crm'));
  if (crm === undefined || !('secret' in crm.credentials)) throw new Error('a secret for crm');
  const sources = createSourceReader(createSecretStore(secretsManagerClients()), {});
  expect(await sources.read(crm.credentials)).toBe('of the shop');
  await expect(sources.read({ secret: 'audit/crm' })).rejects.toMatchObject({
    failure: { cause: 'secret-not-found' },
  });
});
