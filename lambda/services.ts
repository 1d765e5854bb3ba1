// The services that a run uses: log, metrics, AWS clients, stores. A client is made when it is first used, and kept.

import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import packageJson from '../package.json' with { type: 'json' };
import { catalogue } from './checks/catalogue.ts';
import type { Collector } from './collect/attempts.ts';
import { createTrustStore } from './collect/connect/trust.ts';
import type { LogServices } from './collect/connection-log/source.ts';
import { createSourceReader } from './collect/secrets/sources.ts';
import {
  createSecretStore,
  prefetchSecrets,
  type SecretStore,
  secretsManagerClients,
} from './collect/secrets/store.ts';
import type { ArchivedReport, Evidence } from './deliver/evidence-archive.ts';
import type { ImportedFindings } from './deliver/security-hub.ts';
import { publish, snsClient } from './deliver/sns.ts';
import type { StateStore } from './deliver/state/store.ts';
import type { FunctionEnvironment } from './environment.ts';
import type { KeepClientsOptions } from './keep-clients.ts';
import { type ConfigLoader, createConfigLoader, type LoadedConfig, type LoadOptions } from './loaded-config/load.ts';
import { parseArn } from './model/arn.ts';
import type { ConfigLocation } from './model/config-location.ts';
import type { DiscoveryMemoryStore } from './model/discovery-memory.ts';
import type { InventoryStore } from './model/inventory.ts';
import type { AuditState } from './model/lifecycle.ts';
import type { Run } from './model/run.ts';
import type { Snapshot } from './model/snapshot.ts';
import type { Target } from './model/target.ts';
import type { Clock } from './model/time.ts';
import type { Integration } from './notify/integrations.ts';
import { type SubscriberStatuses, subscriberStatusesOf } from './notify/subscriber-status.ts';
import type { PageHistory, PageHistoryCollector } from './page-history.ts';
import type { RenderedAlert } from './report/messages/sns-message.ts';
import type { Report } from './report/schema.ts';
import { lazily } from './runtime/lazily.ts';

/** Parts that a deployment can switch off are loaded when they are first used; the bundle leaves them out otherwise. */
export interface Services {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** By the key of the integration: what this execution environment notified of while the state could not be read. */
  readonly notifiedWithoutState: Map<string, AuditState>;
  /** A new collector for each run, so that the run reads secrets that changed since the last one. */
  collector(
    targets: readonly Target[],
    environment: Pick<FunctionEnvironment, 'secretArns' | 'stateTable'>,
    clock: Clock,
  ): Promise<Collector>;
  /** @returns the id of the message @throws PublishError */
  publish(topicArn: string, alert: RenderedAlert): Promise<string>;
  subscriberStatuses(integrations: readonly Integration[]): Promise<SubscriberStatuses>;
  /** The state of one receiver. */
  stateStore(tableName: string, options: StateStoreOptions): Promise<StateStore>;
  /** What discovery found, beside the state. */
  inventoryStore(tableName: string): InventoryStore;
  /**
   * Keeps what the run saw of the clients of each target, until the signal ends it.
   *
   * @throws KeepClientsError
   */
  keepClients(
    tableName: string,
    snapshots: Iterable<Snapshot> | AsyncIterable<Snapshot>,
    options: KeepClientsOptions & { readonly clock: Clock },
  ): Promise<void>;
  /** Collects what the page of the run shows of earlier days; undefined where no page is made. */
  pageHistory(environment: ArchiveEnvironment, run: Run): Promise<PageHistoryCollector | undefined>;
  /** Since when rules of discovery match nothing, beside the state. */
  memoryStore(tableName: string, clock: Clock): DiscoveryMemoryStore;
  /**
   * The configuration from outside of the bundle.
   *
   * @throws ConfigLocationError where neither it nor an earlier one can be used
   */
  loadConfig(
    location: ConfigLocation,
    environment: Pick<FunctionEnvironment, 'stateTable' | 'hasOwnS3Endpoint'>,
    options: Omit<LoadOptions, 'store'>,
  ): Promise<LoadedConfig>;
  /** @throws EvidenceError */
  archive(
    { evidenceBucket, hasOwnS3Endpoint }: ArchiveEnvironment,
    evidence: Evidence,
  ): Promise<ArchivedReport | undefined>;
  /** Stores the page of the run, with as many targets as there is time for. @returns its key @throws EvidenceError */
  archivePage(
    { evidenceBucket, hasOwnS3Endpoint, region }: ArchiveEnvironment & Pick<FunctionEnvironment, 'region'>,
    evidence: Evidence,
    options: PageOptions,
  ): Promise<string | undefined>;
  /** @returns a URL with which anyone can read the page, for some hours */
  presignPage(
    { hasOwnS3Endpoint }: Pick<FunctionEnvironment, 'hasOwnS3Endpoint'>,
    bucket: string,
    key: string,
  ): Promise<string>;
  /** @throws SecurityHubError, AwsPlaceError */
  importIntoSecurityHub(
    { topics, region }: Pick<FunctionEnvironment, 'topics' | 'region'>,
    report: Report,
  ): Promise<ImportedFindings>;
}

interface PageOptions {
  readonly hasTime: () => boolean;
  /** @default nothing is said of earlier days */
  readonly history?: PageHistory | undefined;
}

type ArchiveEnvironment = Pick<FunctionEnvironment, 'evidenceBucket' | 'hasOwnS3Endpoint'>;

export interface StateStoreOptions {
  readonly clock: Clock;
  /** Names the run to people, in a lease and in errors. */
  readonly owner: string;
  readonly receiver: string;
}

// Service name and namespace come from POWERTOOLS_* variables: the alarms read the metrics under the same names.
export function createServices(): Services {
  const secretsManager = secretsManagerClients();
  const sns = lazily(snsClient);
  const state = lazily(async () => {
    const {
      createClientRecords,
      createDynamoDbLogs,
      createDynamoDbState,
      createInventory,
      createKeptConfig,
      createMemory,
      dynamoDbClient,
    } = await import('./deliver/state/dynamodb.ts');
    const client = dynamoDbClient();
    return {
      storeOf: (tableName: string, options: StateStoreOptions) => createDynamoDbState(client, tableName, options),
      logsOf: (tableName: string, clock: Clock) => createDynamoDbLogs(client, tableName, clock),
      keptConfig: (tableName: string) => createKeptConfig(client, tableName),
      inventory: (tableName: string) => createInventory(client, tableName),
      clientsOf: (tableName: string, clock: Clock) =>
        createClientRecords(createDynamoDbLogs(client, tableName, clock, 'clients')),
      memory: (tableName: string, clock: Clock) => createMemory(client, tableName, { clock }),
    };
  });
  const evidence = lazily(async () => {
    const { archiveReport, s3Client, storeObject } = await import('./deliver/evidence-archive.ts');
    const client = lazily((forcePathStyle: boolean) => s3Client({ forcePathStyle }));
    return { archiveReport, client, storeObject };
  });
  const securityHub = lazily(async () => {
    const { awsPlace, importFindings, securityHubClient } = await import('./deliver/security-hub.ts');
    return { awsPlace, importFindings, client: securityHubClient() };
  });
  // Its location is that of the deployment: one loader remains for all runs.
  const configLoader = lazily(async (location: ConfigLocation, forcePathStyle: boolean): Promise<ConfigLoader> => {
    if (location.is === 'ssm') {
      const { ssmDocument } = await import('./loaded-config/ssm-document.ts');
      return createConfigLoader({ location, read: ssmDocument(location) });
    }
    const { s3Document } = await import('./loaded-config/s3-document.ts');
    return createConfigLoader({ location, read: s3Document(location, { forcePathStyle }) });
  });
  const logGroups = lazily(async () => {
    const { logGroupReaders } = await import('./collect/connection-log/cloudwatch.ts');
    return logGroupReaders();
  });
  const logGroup: LogServices['logGroup'] = async (source, settings) => (await logGroups())(source, settings);
  return {
    logger: new Logger(),
    metrics: new Metrics(),
    notifiedWithoutState: new Map(),
    async collector(targets, { secretArns, stateTable }, clock) {
      const secrets = byReference(createSecretStore(secretsManager), secretArns);
      prefetchSecrets(targets, secrets);
      const sources = createSourceReader(secrets, {});
      const readsLogs = targets.some(({ logs }) => logs !== 'none');
      const logState = readsLogs && stateTable !== undefined ? (await state()).logsOf(stateTable, clock) : undefined;
      return { sources, trust: createTrustStore(sources), clock, logs: { state: logState, logGroup } };
    },
    publish: (topicArn, alert) => publish(sns(), topicArn, alert),
    subscriberStatuses: (integrations) => subscriberStatusesOf(sns(), integrations),
    stateStore: async (tableName, options) => (await state()).storeOf(tableName, options),
    inventoryStore: (tableName) => ({
      read: async (place) => await (await state()).inventory(tableName).read(place),
      save: async (place, kept) => await (await state()).inventory(tableName).save(place, kept),
    }),
    async keepClients(tableName, snapshots, { clock, ...options }) {
      const { keepClients } = await import('./keep-clients.ts');
      await keepClients(snapshots, (await state()).clientsOf(tableName, clock), options);
    },
    async pageHistory({ evidenceBucket }, run) {
      if (evidenceBucket === undefined) return undefined;
      const { collectPageHistory } = await import('./page-history.ts');
      return collectPageHistory(run);
    },
    memoryStore: (tableName, clock) => ({
      read: async () => await (await state()).memory(tableName, clock).read(),
      save: async (memory) => await (await state()).memory(tableName, clock).save(memory),
    }),
    async loadConfig(location, { stateTable, hasOwnS3Endpoint }, options) {
      const load = await configLoader(location, hasOwnS3Endpoint);
      const store = stateTable === undefined ? undefined : (await state()).keptConfig(stateTable);
      return await load({ ...options, store });
    },
    async archive({ evidenceBucket, hasOwnS3Endpoint }, report) {
      if (evidenceBucket === undefined) return undefined;
      const { archiveReport, client } = await evidence();
      return await archiveReport(client(hasOwnS3Endpoint), evidenceBucket, report);
    },
    async archivePage({ evidenceBucket, hasOwnS3Endpoint, region }, report, { hasTime, history }) {
      if (evidenceBucket === undefined) return undefined;
      const { archivePage } = await import('./deliver/page-archive.ts');
      const { client, storeObject } = await evidence();
      return await archivePage(evidenceBucket, report, {
        catalogue: catalogue(),
        toolVersion: packageJson.version,
        region,
        hasTime,
        history,
        store: (object) => storeObject(client(hasOwnS3Endpoint), object, report.signal),
      });
    },
    async presignPage({ hasOwnS3Endpoint }, bucket, key) {
      const { presignPage } = await import('./deliver/page-presigner.ts');
      const { client } = await evidence();
      return await presignPage(client(hasOwnS3Endpoint), bucket, key);
    },
    async importIntoSecurityHub({ topics, region }, report) {
      const { awsPlace, importFindings, client } = await securityHub();
      const aws = awsPlace(parseArn(topics?.alerts ?? '')?.account, region);
      return await importFindings(client, report, {
        catalogue: catalogue(),
        toolVersion: packageJson.version,
        aws,
      });
    },
  };
}

/** Reads a secret by its ARN where only the deployment knows it. */
function byReference(store: SecretStore, arns: ReadonlyMap<string, string>): SecretStore {
  const arnOf = (id: string): string => arns.get(id) ?? id;
  return { get: (id) => store.get(arnOf(id)), refresh: (id) => store.refresh(arnOf(id)) };
}
