// Finds databases of RDS whose PostgreSQL log is not exported.

import { displayText } from '../model/display.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { AuditCheck } from './check.ts';
import { onlyOnRds } from './remedies/remedy-commands.ts';
import { NO_POOLER, ofCloudDatabase } from './shared/cloud-check.ts';

export const logExportOff: AuditCheck = {
  id: 'log-export-off',
  title: 'The PostgreSQL log is not exported',
  subject: 'audit',
  severity: 'low',
  rationale:
    'Without the log only the sessions that are open during a run are seen: a client that connects in plaintext between two runs leaves no trace, and RDS deletes its log files after days.',
  remedy:
    onlyOnRds(`Export the log to CloudWatch Logs; no restart is needed. Then set "logs": "auto" in the rule of discovery.
RDS: aws rds modify-db-instance --db-instance-identifier <instance> --cloudwatch-logs-export-configuration EnableLogTypes=postgresql
Aurora and Multi-AZ clusters: aws rds modify-db-cluster --db-cluster-identifier <cluster> --cloudwatch-logs-export-configuration EnableLogTypes=postgresql`),
  requirements: IN_TRANSIT,
  hidesSessions: false,
  needsNoLogin: true,
  pgbouncer: NO_POOLER,
  references: [
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Concepts.PostgreSQL.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.CloudWatch.html',
  ],
  evaluate: (snapshot) =>
    ofCloudDatabase(snapshot, ({ logExports }) => {
      if (logExports.includes('postgresql')) return { status: 'pass' };
      const exported = logExports.length === 0 ? ['none'] : logExports.map((kind) => displayText(kind));
      return { status: 'fail', problems: [{ severity: 'low', title: logExportOff.title, evidence: { exported } }] };
    }),
};
