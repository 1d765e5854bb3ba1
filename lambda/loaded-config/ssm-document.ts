// Reads the configuration from a parameter of SSM, which holds 8 KB at most.

import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { ConfigLocationError } from './failure.ts';
import type { ReadDocument } from './load.ts';

/** A parameter has no conditional request: eight kilobytes are read each time. */
export function ssmDocument({ name }: { readonly name: string }): ReadDocument {
  const client = new SSMClient({
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 4_000, throwOnRequestTimeout: true },
  });
  return async (signal) => {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: name, WithDecryption: true }), {
      abortSignal: signal,
    });
    if (typeof Parameter?.Value !== 'string') throw new ConfigLocationError('SSM answered without the parameter');
    return Buffer.from(Parameter.Value);
  };
}
