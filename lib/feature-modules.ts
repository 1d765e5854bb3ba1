// The parts of the function that a deployment can do without, and what is left out of the bundle then.

import type { Config } from '../lambda/config/index.ts';

type Deployment = Config['deployment'];

interface OptionalPart {
  /** As the handler imports it, to the letter: that is what the bundler compares. */
  readonly module: string;
  readonly isOn: (deployment: Deployment) => boolean;
  /** The SDK's client that it takes from Lambda's runtime. @default none: it is in the bundle */
  readonly runtimeClient?: string;
}

/**
 * Each is imported by the handler when it is first used: one that is on costs nothing at start either. Those that work when
 * people have been told, and would take the bundle past its bar, have their client from the runtime (docs/adr/0003).
 */
export const OPTIONAL_PARTS = {
  state: { module: './deliver/state/dynamodb.ts', isOn: ({ state }) => state === 'dynamodb' },
  evidence: {
    module: './deliver/evidence-archive.ts',
    isOn: ({ evidence }) => evidence === 's3',
    runtimeClient: '@aws-sdk/client-s3',
  },
  securityHub: {
    module: './deliver/security-hub.ts',
    isOn: ({ securityHub }) => securityHub,
    runtimeClient: '@aws-sdk/client-securityhub',
  },
} as const satisfies Readonly<Record<string, OptionalPart>>;

/** What stays out of the bundle: parts that are off, whose import is never reached, and what the runtime brings. */
export function modulesLeftOut(deployment: Deployment): readonly string[] {
  const parts: readonly OptionalPart[] = Object.values(OPTIONAL_PARTS);
  return [
    ...parts.filter(({ isOn }) => !isOn(deployment)).map(({ module }) => module),
    ...parts.flatMap(({ runtimeClient }) => runtimeClient ?? []),
  ];
}
