// Everything the demo audits: servers, client sessions, secrets and a configuration, all of it real and gone
// afterwards.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AwsEndpoint, startAwsEndpoint } from '../lab/aws.ts';
import { createAuthority, type IssuedCertificate } from '../lab/certificates.ts';
import { rdsSecret } from '../lab/collector.ts';
import { type DynamoDbEndpoint, startDynamoDb } from '../lab/dynamodb.ts';
import { healthyServer } from '../lab/healthy-server.ts';
import { labFolder } from '../lab/lab-folder.ts';
import { writeLogFiles } from '../lab/log-collector.ts';
import { AUDITOR, newestMajor, type PostgresOptions, type PostgresServer, startPostgres } from '../lab/postgres.ts';
import { openSession, openSessions } from '../lab/sessions.ts';
import type { ConfigInput } from '../lambda/config/index.ts';
import { comeAndGo } from './past-clients.ts';
import {
  MENDED,
  MUTED,
  MUTED_HOURS,
  type PlantedClient,
  type PlantedTarget,
  SUPERUSER,
  TARGETS,
  type TargetName,
} from './planted.ts';

export interface Scene extends AsyncDisposable {
  readonly aws: AwsEndpoint;
  /** With the table that the function remembers in. */
  readonly dynamodb: DynamoDbEndpoint;
  /** Of the topic that Slack channels hang on. */
  readonly chatTopicArn: string;
  /** Path of the configuration that names every target. */
  readonly configFile: string;
  /** Of every role on every server: they must appear nowhere. */
  readonly passwords: readonly string[];
  /** Has `MENDED` connect with TLS from now on. */
  mend(): Promise<void>;
}

export interface SceneOptions {
  /** Told what is being done, before it is. */
  readonly say: (step: string) => void;
  /** Ends the work between two steps; what is there by then is taken down. */
  readonly signal: AbortSignal;
}

const CHAT_TOPIC = 'pg-tls-auditor-chat';

const CA_SECRET = 'shared/ca-bundle';

/** Under 14 days a certificate that ends is urgent, under 7 it is critical. */
const EXPIRING_DAYS = 10;

/** Lets everybody in with a password, whether they encrypt or not. */
const CARELESS_HBA = ['local all all trust', 'host all all all scram-sha-256'];

/** As set up for an old client: OpenSSL speaks TLSv1 at its lowest security level only. */
const CARELESS_TLS = { minProtocol: 'TLSv1', ciphers: 'HIGH:!aNULL:@SECLEVEL=0' } as const;

/** The server whose log files are read. */
const LOGGED: TargetName = 'shop';
const LOG_READER = {
  ...AUDITOR,
  executes: [...AUDITOR.executes, 'pg_catalog.pg_read_binary_file(text, bigint, bigint)'],
};

type Servers = Readonly<Record<TargetName, PostgresServer>>;

/** Sets the scene. Disposing of it ends sessions, servers and their files. */
export async function setScene({ say, signal }: SceneOptions): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const authority = await createAuthority({ name: 'Example Corp Root CA' });
  const otherAuthority = await createAuthority({ name: 'Archive Team CA' });
  const certificates: Readonly<Record<TargetName, IssuedCertificate>> = {
    // A key exchange without forward secrecy needs an RSA key.
    shop: await authority.issue({ keyType: 'rsa-2048' }),
    billing: await authority.issue({ notAfter: new Date(Date.now() + EXPIRING_DAYS * 24 * 60 * 60_000) }),
    ledger: await authority.issue(),
    archive: await otherAuthority.issue(),
  };
  signal.throwIfAborted();

  say(`Starting ${TARGETS.length} servers of PostgreSQL ${newestMajor()} with TLS …`);
  const servers = await startServers(certificates, stack);
  signal.throwIfAborted();

  const sessions = TARGETS.flatMap(({ clients }) =>
    clients.filter(isOpen).flatMap(({ applications }) => applications),
  ).length;
  say(`Opening ${sessions} client sessions …`);
  for (const target of TARGETS) {
    stack.use(await openSessions(servers[target.name], sessionsOf(target)));
    signal.throwIfAborted();
  }
  const before = stack.use(await openSession(servers[MENDED.target], { ...MENDED, kind: 'plaintext' }));

  say('Clients come and go before the audit: a dump, and one that falls back …');
  for (const target of TARGETS) {
    for (const client of target.clients) await comeAndGo(servers[target.name], client);
  }

  say('Serving Secrets Manager, SNS, DynamoDB and S3 to the AWS SDK on this machine …');
  const secrets = secretsFor(servers, authority.rootPem);
  const aws = stack.use(await startAwsEndpoint({ secrets, topics: ['pg-tls-auditor', CHAT_TOPIC] }));
  const dynamodb = stack.use(await startDynamoDb());
  const configFile = join(labFolder(), 'auditor.config.json');
  await writeFile(configFile, JSON.stringify(configuration()));

  const held = stack.move();
  return {
    aws,
    dynamodb,
    chatTopicArn: aws.topicArn.replace(/[^:]+$/, CHAT_TOPIC),
    configFile,
    async mend() {
      await before[Symbol.asyncDispose]();
      held.use(await openSession(servers[MENDED.target], { ...MENDED, kind: 'tlsv1.3' }));
    },
    passwords: TARGETS.flatMap((target) =>
      [AUDITOR.name, ...rolesOf(target)].map((role) => servers[target.name].connectionConfig(role).password),
    ),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Starts all at once. When one fails the others are waited for, so that the stack takes them down too. */
async function startServers(
  certificates: Readonly<Record<TargetName, IssuedCertificate>>,
  stack: AsyncDisposableStack,
): Promise<Servers> {
  const outcomes = await Promise.allSettled(
    TARGETS.map(async (target) => {
      const server = stack.use(await startPostgres(serverOf(target, certificates[target.name])));
      if (target.name === LOGGED) stack.use(await writeLogFiles(server));
      return [target.name, server] as const;
    }),
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  return Object.fromEntries(started) as Servers;
}

function serverOf(target: (typeof TARGETS)[number], certificate: IssuedCertificate): PostgresOptions {
  const options = {
    tls: { certificate },
    databases: [target.name],
    roles: [
      AUDITOR,
      ...rolesOf(target).map((name) => ({ name, ...(name === SUPERUSER ? { attributes: 'SUPERUSER' } : {}) })),
    ],
  };
  switch (target.name) {
    case 'shop':
      return {
        ...options,
        roles: options.roles.map((role) => (role === AUDITOR ? LOG_READER : role)),
        tls: { ...CARELESS_TLS, certificate },
        hba: CARELESS_HBA,
        settings: { log_disconnections: false },
      };
    case 'archive':
      return { ...options, hba: CARELESS_HBA };
    default:
      return healthyServer(options);
  }
}

function isOpen({ gone }: PlantedClient): boolean {
  return gone === undefined;
}

/** Of the clients. */
function rolesOf({ clients }: PlantedTarget): readonly string[] {
  return [...new Set(clients.map(({ role }) => role))];
}

function sessionsOf({ clients }: PlantedTarget): Parameters<typeof openSessions>[1] {
  return clients
    .filter(isOpen)
    .filter(({ role }) => role !== MENDED.role)
    .flatMap(({ kind, role, database, applications }) =>
      applications.map((applicationName) => ({ kind, role, database, applicationName })),
    );
}

/** Credentials in the ways in which people store them. */
function secretsFor({ shop, billing, ledger, archive }: Servers, ca: string): Readonly<Record<string, string>> {
  return {
    [secretName('shop')]: rdsSecret(shop, AUDITOR.name),
    [secretName('billing')]: `${billing.connectionString(AUDITOR.name)}?sslmode=require`,
    [secretName('ledger')]: rdsSecret(ledger, AUDITOR.name),
    [secretName('archive')]: rdsSecret(archive, AUDITOR.name),
    [CA_SECRET]: ca,
  };
}

function secretName(target: TargetName): string {
  return `prod/${target}/tls-auditor`;
}

function configuration(): ConfigInput {
  return {
    alerts: { email: ['dba@example.com'], slack: [{ workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' }] },
    defaults: { ca: { secret: CA_SECRET } },
    policy: { loopback: 'network' },
    mutes: [{ ...MUTED, expires: new Date(Date.now() + MUTED_HOURS * 3_600_000).toISOString() }],
    targets: TARGETS.map(({ name }) => ({
      name,
      secret: secretName(name),
      ...(name === LOGGED ? { logs: 'server' } : {}),
    })),
  };
}
