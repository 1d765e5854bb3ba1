// The parts of the function that a deployment can do without, and what is left out of the bundle then.

import type { Config } from '../lambda/config.ts';

type Deployment = Config['deployment'];

interface OptionalPart {
  /** As the handler imports it, to the letter: that is what the bundler compares. */
  readonly module: string;
  readonly isOn: (deployment: Deployment) => boolean;
}

/** Each is imported by the handler when it is first used: one that is on costs nothing at start either. */
export const OPTIONAL_PARTS = {
  state: { module: './deliver/dynamodb-state.ts', isOn: ({ state }) => state === 'dynamodb' },
  evidence: { module: './deliver/evidence-archive.ts', isOn: ({ evidence }) => evidence === 's3' },
  securityHub: { module: './deliver/security-hub.ts', isOn: ({ securityHub }) => securityHub },
} as const satisfies Readonly<Record<string, OptionalPart>>;

/** The modules that stay out of the bundle: the handler's import of them remains, and is never reached. */
export function modulesLeftOut(deployment: Deployment): readonly string[] {
  return Object.values(OPTIONAL_PARTS)
    .filter(({ isOn }) => !isOn(deployment))
    .map(({ module }) => module);
}
