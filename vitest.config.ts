// Configures the test run: two projects, one for tests that share a worker's modules and one for those that do not.

import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Halves the processor time of every process that loads the auditor's TypeScript or the CDK. Node checks the source.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules', '.cache', 'node-compile-cache');

/** Tests of functions: they start no server, change no global and keep nothing in a module from test to test. */
const FUNCTIONS = [
  'test/{analysis,checks,config,drivers,enforcement,lifecycle,model,report}/**/*.test.ts',
  'test/collect/{answers,certificates,failures,pgbouncer,postgres,protocol}/**/*.test.ts',
  // To load the CDK takes seconds of processor time.
  'test/lib/!(acceptance|app|bundle|permissions).test.ts',
];

/** Tests of servers and processes that change no global either: they share what a worker has loaded, too. */
const SERVERS = [
  'test/integration/!(connecting|connection-log-gssapi|containers|discovery|enforcement-gssapi|environment|faults|gssapi|handler|handler-state|hostile-fleet|hostile-servers|iam-login|identity|week).test.ts',
  'test/bin/!(discover|node-version|state|target-sources|terminal).test.ts',
  'test/collect/{probe,secrets,connect,connection-log}/**/!(other-accounts|rds-signer|store|trust).test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    // Tests start real servers, and wait for them: no more at once than a small machine of two processors bears.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'functions', include: FUNCTIONS, isolate: false } },
      {
        extends: true,
        test: {
          name: 'processes',
          globalSetup: 'lab/leftovers.setup.ts',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...FUNCTIONS, ...SERVERS],
        },
      },
      {
        extends: true,
        test: { name: 'servers', globalSetup: 'lab/leftovers.setup.ts', include: SERVERS, isolate: false },
      },
    ],
  },
});
