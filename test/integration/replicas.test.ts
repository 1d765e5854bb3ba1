// Standbys that no target audits, seen on real primaries.

import { expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { knownValue } from '../../lab/known-value.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSessions } from '../../lab/sessions.ts';
import { startStandby } from '../../lab/standby.ts';
import { fleetOf } from '../../lambda/checks/fleet.ts';
import { replicaNotCovered } from '../../lambda/checks/replica-not-covered.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

async function snapshotOf(name: string, server: PostgresServer): Promise<Snapshot> {
  return (await audit({ name }, { db: rdsSecret(server), ca: server.ca ?? '' })).snapshot;
}

describeEachMajor((major) => {
  test('a real standby is found until a target audits it, and what only streams WAL is none', async () => {
    await using primary = await startPostgres({
      major,
      roles: [
        { name: 'tls_auditor', grants: ['pg_monitor'] },
        { name: 'replicator', attributes: 'REPLICATION' },
      ],
    });
    await using standby = await startStandby(primary, { role: 'replicator', applicationName: 'reader-1' });
    await using _archivers = await openSessions(primary, [
      { kind: 'tlsv1.3', role: 'replicator', replication: 'physical', applicationName: 'pg_receivewal' },
      { kind: 'tlsv1.3', role: 'replicator', replication: 'logical', applicationName: 'cdc' },
    ]);
    await using other = await startPostgres({ major });
    const [ofPrimary, ofStandby, ofOther] = [
      await snapshotOf('orders', primary),
      await snapshotOf('orders-reader', standby),
      await snapshotOf('billing', other),
    ];
    expect([knownValue(ofPrimary.server).inRecovery, knownValue(ofStandby.server).inRecovery]).toEqual([false, true]);
    const outcomeFor = (...audited: readonly Snapshot[]) =>
      replicaNotCovered.evaluateInFleet(ofPrimary, fleetOf(audited));

    expect(replicaNotCovered.evaluateInFleet(ofPrimary, undefined)).toMatchObject({ status: 'not-applicable' });
    const uncovered = {
      status: 'fail',
      problems: [{ severity: 'low', role: 'replicator', application: 'reader-1', count: 1 }],
    };
    expect(outcomeFor(ofPrimary)).toMatchObject(uncovered);
    // At the standby's address, and no standby.
    expect(outcomeFor(ofPrimary, ofOther)).toMatchObject(uncovered);
    expect(outcomeFor(ofPrimary, ofOther, ofStandby)).toEqual({ status: 'pass' });
    expect(replicaNotCovered.evaluateInFleet(ofStandby, fleetOf([ofPrimary, ofStandby]))).toEqual({ status: 'pass' });
  });
});
