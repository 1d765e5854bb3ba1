// Lists the optional parts of the function, and the modules that the bundle leaves out.

import type { Config } from '../lambda/config/index.ts';

/** The part of the configuration that decides on parts. */
type PartConfig = Pick<Config, 'deployment' | 'targets'>;

interface OptionalPart {
  /** The module as `services.ts` imports it, to the letter: the bundler compares the text. */
  readonly module: string;
  readonly isOn: (config: PartConfig) => boolean;
  /** The SDK client that it takes from Lambda's runtime. @default none: the client is in the bundle */
  readonly runtimeClient?: string;
}

/**
 * The function imports each part when it is first used: a part that is on costs no time at start. Parts that run after
 * the notifications, and would make the bundle too large, take their client from the runtime (docs/adr/0003).
 */
export const OPTIONAL_PARTS = {
  state: { module: './deliver/state/dynamodb.ts', isOn: ({ deployment }) => deployment.state === 'dynamodb' },
  evidence: {
    module: './deliver/evidence-archive.ts',
    isOn: ({ deployment }) => deployment.evidence === 's3',
    runtimeClient: '@aws-sdk/client-s3',
  },
  securityHub: {
    module: './deliver/security-hub.ts',
    isOn: ({ deployment }) => deployment.securityHub,
    runtimeClient: '@aws-sdk/client-securityhub',
  },
  logGroups: {
    module: './collect/connection-log/cloudwatch.ts',
    isOn: ({ targets }) => targets.some(({ logs }) => typeof logs === 'object'),
    runtimeClient: '@aws-sdk/client-cloudwatch-logs',
  },
} as const satisfies Readonly<Record<string, OptionalPart>>;

/** The modules outside the bundle: parts that are off, which are never imported, and clients of the runtime. */
export function modulesLeftOut(config: PartConfig): readonly string[] {
  const parts: readonly OptionalPart[] = Object.values(OPTIONAL_PARTS);
  return [
    ...parts.filter(({ isOn }) => !isOn(config)).map(({ module }) => module),
    ...parts.flatMap(({ runtimeClient }) => runtimeClient ?? []),
  ];
}
