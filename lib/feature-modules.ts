// Lists the optional parts of the function, and the modules that the bundle leaves out.

import type { Config } from '../lambda/config/index.ts';
import { usesAssumedRoles, usesDiscoveredLogs, usesRdsDiscovery } from './discovery.ts';
import type { FunctionEntry } from './handler-scripts.ts';
import { usesIamLogin } from './iam-login.ts';

/** What decides which parts a deployment has. */
export type PartSettings = Pick<Config, 'deployment' | 'targets' | 'discovery'>;

/** Whether runs read another configuration than the one that is deployed. */
export interface ConfigurationPlace {
  readonly hasConfigLocation?: boolean | undefined;
}

interface OptionalPart {
  /** The module as the function imports it, to the letter: the bundler compares the text. */
  readonly module: string;
  readonly isOn: (config: PartSettings, configuration: ConfigurationPlace) => boolean;
  /** The SDK client that it takes from Lambda's runtime. @default none: the client is in the bundle */
  readonly runtimeClient?: string;
  /** A module that the bundle holds because of this part alone. @default none */
  readonly brings?: string;
}

/**
 * The function imports each part when it is first used, from files of its own: a part that is on costs no time at
 * start. Parts that run after the notifications take their client, which is large, from the runtime (docs/adr/0003).
 */
export const OPTIONAL_PARTS = {
  state: {
    module: './deliver/state/dynamodb.ts',
    isOn: ({ deployment }) => deployment.state === 'dynamodb',
    brings: './keep-clients.ts',
  },
  evidence: {
    module: './deliver/evidence-archive.ts',
    isOn: ({ deployment }) => deployment.evidence === 's3',
    runtimeClient: '@aws-sdk/client-s3',
  },
  page: {
    module: './deliver/page-archive.ts',
    isOn: ({ deployment }) => deployment.evidence === 's3',
    brings: './page-history.ts',
  },
  presignedLink: {
    module: './deliver/page-presigner.ts',
    isOn: ({ deployment }) => deployment.evidence === 's3' && deployment.pageLink === 'presigned',
  },
  securityHub: {
    module: './deliver/security-hub.ts',
    isOn: ({ deployment }) => deployment.securityHub,
    runtimeClient: '@aws-sdk/client-securityhub',
  },
  logGroups: {
    module: './collect/connection-log/cloudwatch.ts',
    isOn: (config, { hasConfigLocation = false }) =>
      hasConfigLocation || config.targets.some(({ logs }) => typeof logs === 'object') || usesDiscoveredLogs(config),
    // The client names it when it is loaded; only operations that are not called here use it.
    brings: '@smithy/core/event-streams',
  },
  discovery: {
    module: './rds/source.ts',
    isOn: (config, { hasConfigLocation = false }) => hasConfigLocation || usesRdsDiscovery(config),
    runtimeClient: '@aws-sdk/client-rds',
  },
  assumedRoles: {
    module: './assumed-role.ts',
    isOn: (config, { hasConfigLocation = false }) => hasConfigLocation || usesAssumedRoles(config),
    runtimeClient: '@aws-sdk/client-sts',
  },
  iamLogin: {
    module: './rds-signer.ts',
    isOn: (config, { hasConfigLocation = false }) => hasConfigLocation || usesIamLogin(config),
  },
  configInS3: {
    module: './loaded-config/s3-document.ts',
    isOn: (_, { hasConfigLocation = false }) => hasConfigLocation,
    runtimeClient: '@aws-sdk/client-s3',
  },
  configInSsm: {
    module: './loaded-config/ssm-document.ts',
    isOn: (_, { hasConfigLocation = false }) => hasConfigLocation,
    runtimeClient: '@aws-sdk/client-ssm',
  },
} as const satisfies Readonly<Record<string, OptionalPart>>;

const PARTS: readonly OptionalPart[] = Object.values(OPTIONAL_PARTS);

/**
 * Clients that Lambda's runtime brings: in no bundle. That of Lambda is for the function that invokes satellites of
 * other regions, which is a function of its own.
 */
export const RUNTIME_CLIENTS: readonly string[] = [
  ...new Set(PARTS.flatMap(({ runtimeClient }) => runtimeClient ?? [])),
  '@aws-sdk/client-lambda',
];

/** The modules outside the bundle: of parts that are off, which are never imported, and clients of the runtime. */
export function modulesLeftOut(config: PartSettings, place: ConfigurationPlace = {}): readonly string[] {
  return [
    ...PARTS.filter(({ isOn }) => !isOn(config, place)).flatMap(({ module, brings = [] }) => [module, brings].flat()),
    ...RUNTIME_CLIENTS,
  ];
}

/** The scripts of a deployment: of one function that does everything, or of the fleet's. */
export function entriesOf(config: Pick<Config, 'deployment' | 'satellites'>): readonly FunctionEntry[] {
  if (config.deployment.fleet === undefined) return ['index'];
  return ['plan', 'worker', 'repair', 'digest', ...(usesRelay(config) ? (['relay'] as const) : [])];
}

/** Whether a satellite is in another region, in which Step Functions invokes no function. */
function usesRelay({ satellites, deployment }: Pick<Config, 'deployment' | 'satellites'>): boolean {
  return Object.values(satellites).some(({ region }) => region !== deployment.region);
}
