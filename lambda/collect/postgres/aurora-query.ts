// Reads which instances an Aurora cluster has: each keeps sessions of its own, and none shows up as replication.

import type { AuroraCluster } from '../../model/snapshot.ts';
import type { Row } from '../answers/answer.ts';
import { answerAbout } from '../answers/answer.ts';
import { boundedText, LONGEST } from '../answers/bounded-text.ts';
import { columns } from './columns.ts';
import type { AuditQuery } from './query.ts';

const FUNCTIONS = ['aurora_replica_status()', 'aurora_db_instance_identifier()'];

/** SQL that is true where the server is Aurora, and its functions are there for the login to call. */
export const CAN_READ_AURORA = FUNCTIONS.map(
  (name) => `coalesce(has_function_privilege(to_regprocedure('pg_catalog.${name}')::oid, 'EXECUTE'), false)`,
).join(' AND ');

const INSTANCE = columns(['id', 'isWriter', 'isOwn']);

/** Columns and `MASTER_SESSION_ID`, the writer's mark, are those of the Aurora user guide. */
export const auroraQuery: AuditQuery<AuroraCluster> = {
  selects: () => [
    `SELECT ${INSTANCE.list({
      id: 's.server_id',
      isWriter: "s.session_id = 'MASTER_SESSION_ID'",
      isOwn: 's.server_id = aurora_db_instance_identifier()',
    })}
  FROM aurora_replica_status() s`,
  ],
  read: ([rows]) => {
    const all = read.rows(rows, INSTANCE.count).filter((row) => (INSTANCE.cell(row, 'id') ?? '') !== '');
    return {
      own: all
        .filter((row) => read.flagOrNull(INSTANCE.cell(row, 'isOwn'), 'which instance was audited'))
        .map(instanceId)[0],
      instances: all.map((row) => ({
        id: instanceId(row),
        writer: read.flagOrNull(INSTANCE.cell(row, 'isWriter'), 'which instance writes') ?? false,
      })),
    };
  },
};

const read = answerAbout('the instances of the cluster');

function instanceId(row: Row): string {
  return boundedText(read.text(INSTANCE.cell(row, 'id'), 'the name of an instance'), LONGEST.name);
}
