// Finds databases of RDS that no rule of discovery takes.

import { displayText } from '../model/display.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { AuditCheck } from './check.ts';
import { onlyOnRds } from './remedies/remedy-commands.ts';
import { NO_POOLER, ofCloudPlace } from './shared/cloud-check.ts';

export const databaseNotCovered: AuditCheck = {
  id: 'database-not-covered',
  title: 'A database that no audit covers',
  subject: 'audit',
  severity: 'medium',
  rationale:
    'The database that is left out by mistake is the one whose clients connect in plaintext: nothing is known about it, and no other finding says so.',
  remedy: onlyOnRds(`Decide about the database: an audit covers it, or it is left out on purpose.
To cover it, give it the tags that a rule of discovery asks for, or name it in "targets" of the configuration:
aws rds add-tags-to-resource --resource-name <ARN of the database> --tags Key=pg-tls-auditor,Value=on
To leave it out, give it the tag pg-tls-auditor=off, or add its identifier to "exclude" of the rule:
aws rds add-tags-to-resource --resource-name <ARN of the database> --tags Key=pg-tls-auditor,Value=off`),
  requirements: IN_TRANSIT,
  hidesSessions: true,
  needsNoLogin: true,
  pgbouncer: NO_POOLER,
  references: ['https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html'],
  evaluate: (snapshot) =>
    ofCloudPlace(
      snapshot,
      ({ uncovered }) => uncovered,
      ({ name, why }) => ({
        severity: 'medium',
        title: databaseNotCovered.title,
        subject: displayText(name, 300),
        evidence: { instance: displayText(name, 300), why: displayText(why, 300) },
      }),
    ),
};
