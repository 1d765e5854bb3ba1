// The services of the fleet's functions: those of every run, and the objects of a run in the evidence bucket.

import { EnvironmentError, type FunctionEnvironment } from '../environment.ts';
import { lazily } from '../runtime/lazily.ts';
import { createServices, type Services } from '../services.ts';
import type { RunBucket, RunObjects } from './run-objects.ts';

export interface FleetServices extends Services {
  /** @throws EnvironmentError without a bucket */
  runObjects(
    environment: Pick<FunctionEnvironment, 'evidenceBucket' | 'hasOwnS3Endpoint'>,
    bucket?: RunBucket | undefined,
  ): Promise<RunObjects>;
}

export function createFleetServices(): FleetServices {
  const client = lazily(async (forcePathStyle: boolean) => {
    const { runObjects, runObjectsClient } = await import('./run-objects.ts');
    const own = lazily(() => runObjectsClient({ forcePathStyle }));
    // A satellite has one auditor, and so one bucket.
    const ofHome = lazily((region: string) => runObjectsClient({ forcePathStyle, region }));
    return {
      inOwn: (bucket: string) => runObjects(own(), bucket),
      ofHome: ({ name, region }: RunBucket) => runObjects(ofHome(region), name),
    };
  });
  return {
    ...createServices(),
    async runObjects({ evidenceBucket, hasOwnS3Endpoint }, bucket) {
      if (bucket !== undefined) return (await client(hasOwnS3Endpoint)).ofHome(bucket);
      if (evidenceBucket === undefined) {
        throw new EnvironmentError(
          'EVIDENCE_BUCKET is not set: the fleet keeps its plans and parts there. Deploy again.',
        );
      }
      return (await client(hasOwnS3Endpoint)).inOwn(evidenceBucket);
    },
  };
}
