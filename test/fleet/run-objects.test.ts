// Objects of a run that are larger than their reader takes: reading them costs the objects of others nothing.

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { type RunObjects, runObjects, runObjectsClient } from '../../lambda/fleet/run-objects.ts';

/** More than the connections that the client keeps to one host. */
const TOO_LARGE = 60;

let aws: AwsEndpoint;
let objects: RunObjects;

beforeAll(async () => {
  aws = await startAwsEndpoint();
  for (const [name, value] of Object.entries(aws.environment())) vi.stubEnv(name, value);
  objects = runObjects(runObjectsClient({ forcePathStyle: true }), aws.bucket);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await aws[Symbol.asyncDispose]();
});

test('very many objects that are too large leave the connections to the others', async () => {
  aws.putObject('runs/emea/run-1/parts/0-1.json.gz', Buffer.alloc(2_000_000));
  aws.putObject('runs/default/run-1/parts/0-1.json.gz', 'a part');
  for (let read = 0; read < TOO_LARGE; read += 1) {
    await expect(objects.get('runs/emea/run-1/parts/0-1.json.gz', 1_000)).rejects.toThrow(
      'runs/emea/run-1/parts/0-1.json.gz has 2000000 bytes, and 1000 are allowed',
    );
  }
  expect(String(await objects.get('runs/default/run-1/parts/0-1.json.gz', 1_000))).toBe('a part');
});
