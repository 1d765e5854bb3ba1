// The services of the fleet's functions: those of every run, and the objects of a run in the evidence bucket.

import { EnvironmentError, type FunctionEnvironment } from '../environment.ts';
import { lazily } from '../runtime/lazily.ts';
import { createServices, type Services } from '../services.ts';
import type { RunObjects } from './run-objects.ts';

export interface FleetServices extends Services {
  /** @throws EnvironmentError without a bucket */
  runObjects(environment: Pick<FunctionEnvironment, 'evidenceBucket' | 'hasOwnS3Endpoint'>): Promise<RunObjects>;
}

export function createFleetServices(): FleetServices {
  const client = lazily(async (forcePathStyle: boolean) => {
    const { runObjects, runObjectsClient } = await import('./run-objects.ts');
    const s3 = runObjectsClient({ forcePathStyle });
    return (bucket: string) => runObjects(s3, bucket);
  });
  return {
    ...createServices(),
    async runObjects({ evidenceBucket, hasOwnS3Endpoint }) {
      if (evidenceBucket === undefined) {
        throw new EnvironmentError(
          'EVIDENCE_BUCKET is not set: the fleet keeps its plans and parts there. Deploy again.',
        );
      }
      return (await client(hasOwnS3Endpoint))(evidenceBucket);
    },
  };
}
