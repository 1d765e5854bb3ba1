// Lists the optional parts of the function, and the modules that the bundle leaves out.

import type { Config } from '../lambda/config/index.ts';
import { usesAssumedRoles, usesDiscoveredLogs, usesRdsDiscovery } from './discovery.ts';
import type { FunctionEntry } from './function-code.ts';
import { usesIamLogin } from './iam-login.ts';

/** What decides which parts a deployment has. */
export type PartSettings = Pick<Config, 'deployment' | 'targets' | 'discovery'>;

interface OptionalPart {
  /** The module as the function imports it, to the letter: the bundler compares the text. */
  readonly module: string;
  readonly isOn: (config: PartSettings) => boolean;
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
  state: { module: './deliver/state/dynamodb.ts', isOn: ({ deployment }) => deployment.state === 'dynamodb' },
  evidence: {
    module: './deliver/evidence-archive.ts',
    isOn: ({ deployment }) => deployment.evidence === 's3',
    runtimeClient: '@aws-sdk/client-s3',
  },
  page: { module: './deliver/page-archive.ts', isOn: ({ deployment }) => deployment.evidence === 's3' },
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
    isOn: (config) => config.targets.some(({ logs }) => typeof logs === 'object') || usesDiscoveredLogs(config),
    // The client names it when it is loaded; only operations that are not called here use it.
    brings: '@smithy/core/event-streams',
  },
  discovery: { module: './rds/source.ts', isOn: usesRdsDiscovery, runtimeClient: '@aws-sdk/client-rds' },
  assumedRoles: {
    module: './assumed-role.ts',
    isOn: usesAssumedRoles,
    runtimeClient: '@aws-sdk/client-sts',
  },
  iamLogin: { module: './rds-signer.ts', isOn: usesIamLogin },
} as const satisfies Readonly<Record<string, OptionalPart>>;

/** The client of the function that invokes satellites of other regions, which is a function of its own. */
const RELAY_CLIENT = '@aws-sdk/client-lambda';

/** The modules outside the bundle: of parts that are off, which are never imported, and clients of the runtime. */
export function modulesLeftOut(config: PartSettings): readonly string[] {
  const parts: readonly OptionalPart[] = Object.values(OPTIONAL_PARTS);
  return [
    ...parts.filter(({ isOn }) => !isOn(config)).flatMap(({ module, brings = [] }) => [module, brings].flat()),
    ...parts.flatMap(({ runtimeClient }) => runtimeClient ?? []),
    RELAY_CLIENT,
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
