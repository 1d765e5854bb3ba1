// The synthesised state machine, with the real functions: what it audits, what it notifies of, and what it answers.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rdsSecret } from '../../lab/collector.ts';
import { closedPort } from '../../lab/faulty-servers.ts';
import { type FleetLab, startFleetLab } from '../../lab/fleet-lab.ts';
import { type FunctionLab, startFunctionLab } from '../../lab/function-lab.ts';
import { healthyServer } from '../../lab/healthy-server.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';

let server: PostgresServer;
let lab: FunctionLab;
let fleet: FleetLab;

const names = ['orders', 'billing', 'ledger', 'stock', 'users'];
const CONFIG: ConfigInput = {
  alerts: { email: ['dba@example.com'], minSeverity: 'high' },
  defaults: { ca: { secret: 'ca' } },
  deployment: { fleet: { batch: 2, concurrency: 2 } },
  targets: [...names, 'down'].map((name) => ({ name, secret: `prod/${name}` })),
};

beforeAll(async () => {
  server = await startPostgres(healthyServer());
  const down = JSON.stringify({ ...(await closedPort()), username: 'a', password: 'b', dbname: 'd' });
  lab = await startFunctionLab({
    secrets: {
      ...Object.fromEntries(names.map((name) => [`prod/${name}`, rdsSecret(server)])),
      'prod/down': down,
      ca: server.ca ?? '',
    },
  });
  lab.setEnvironment({ EVIDENCE_BUCKET: lab.aws.bucket });
  await lab.configure(CONFIG);
  fleet = await startFleetLab(lab, CONFIG);
});
afterAll(async () => {
  await lab.useTable();
  await lab[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

describe('a run of the fleet', () => {
  test('audits every target in batches, and notifies of what it found in one message', async () => {
    await lab.useTable();
    const { output, error, published, calls } = await fleet.execute({ at: new Date() });
    expect(error).toBeUndefined();
    expect(calls.filter(({ state }) => state === 'Audit by default')).toHaveLength(3);
    expect(published).toHaveLength(1);
    expect(output).toMatchObject({
      run: 'execution-1',
      report: { bucket: lab.aws.bucket },
      targets: { clean: 5, 'not-audited': 1 },
      findings: { high: 1 },
    });
  });
});
