// Finds places whose databases discovery could not list.

import { displayText } from '../model/display.ts';
import { known } from '../model/observed.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { AuditCheck } from './check.ts';
import { NO_POOLER, ofCloudPlace } from './shared/cloud-check.ts';

/** The sentence of a failure, with what to do. */
const LENGTH = 1_000;

export const discoveryFailed: AuditCheck = {
  id: 'discovery-failed',
  title: 'Databases could not be listed',
  subject: 'audit',
  severity: 'high',
  rationale:
    'A database that is created there is not audited. The databases that were known before are audited for a day; after that nothing there is, and every finding about them stays open.',
  remedy: `The finding names the error and what to allow or correct; no finding was resolved meanwhile.
pg-tls-auditor discover --config <file> repeats the calls and prints what is in the way.
An error about too many requests ends by itself: act if it is still there after the next runs.`,
  requirements: IN_TRANSIT,
  hidesSessions: true,
  needsNoLogin: true,
  pgbouncer: NO_POOLER,
  references: [
    'https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html',
  ],
  evaluate: (snapshot) =>
    ofCloudPlace(
      snapshot,
      // One finding for a place, whichever error it has at the moment.
      ({ failures }) => known(failures.length === 0 ? [] : [failures]),
      (failures) => ({
        severity: 'high',
        title: discoveryFailed.title,
        evidence: { what: displayText(failures.join('; '), LENGTH) },
      }),
    ),
};
