// Configures the test run: in two of its projects, tests share what their worker has loaded; in one they do not.

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

/** Tests that change what others in their process would see: its listeners, its variables, modules that are loaded. */
const ALONE = [
  'test/{canaries,contributing}.test.ts',
  'test/{demo,fleet,package,runtime}/**/*.test.ts',
  'test/integration/{discovery,faults,handler,handler-state,hostile-fleet,hostile-servers,identity,week}.test.ts',
  // Node reads the store of the operating system once a process.
  'test/collect/connect/trust.test.ts',
  'test/integration/{connection-log-gssapi,containers,enforcement-gssapi,gssapi}.test.ts',
  'test/lab/postgres.test.ts',
  'test/lib/{acceptance,app,bundle,permissions}.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    // Tests start real servers, and wait for them: no more at once than a small machine of two processors bears.
    maxWorkers: 3,
    // For what never ends: a machine that is some times slower fails nothing.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 30_000 } },
    projects: [
      { extends: true, test: { name: 'functions', include: FUNCTIONS, isolate: false } },
      {
        extends: true,
        test: {
          name: 'servers',
          globalSetup: 'lab/leftovers.setup.ts',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...FUNCTIONS, ...ALONE],
          isolate: false,
        },
      },
      { extends: true, test: { name: 'alone', globalSetup: 'lab/leftovers.setup.ts', include: ALONE } },
    ],
  },
});
