// Refuses values that only the deployment knows (tokens) in the configuration.

import { Token } from 'aws-cdk-lib';
import { ConfigError, type ConfigInput } from '../lambda/config/index.ts';

/**
 * The configuration is packed at synthesis, so it cannot hold a value that CloudFormation fills in later. @throws
 * ConfigError
 */
export function rejectTokens(config: ConfigInput, source: string): ConfigInput {
  const paths = [...tokenPaths(config, '')];
  if (paths.length === 0) return config;
  throw new ConfigError(
    source,
    paths.map((path) => ({
      path,
      message:
        'must be known at synthesis, got a value that only the deployment knows. For a secret, write any name here and pass ' +
        'the secret in the prop "secrets" under that name; a VPC and a topic are props too',
    })),
  );
}

function* tokenPaths(value: unknown, path: string): Iterable<string> {
  if (Token.isUnresolved(value)) yield path;
  else if (typeof value === 'object' && value !== null) {
    for (const [key, child] of Object.entries(value)) {
      yield* tokenPaths(child, Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`);
    }
  }
}
