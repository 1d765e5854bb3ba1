// Finds databases whose certificate authority RDS is about to retire.

import { displayText } from '../model/display.ts';
import { CERTIFICATES, IN_TRANSIT } from '../model/requirement.ts';
import type { ServerCheck } from './check.ts';
import { changeRdsCa, onlyOnRds } from './remedies/remedy-commands.ts';
import { expiryOf } from './shared/certificate-expiry.ts';
import { NO_POOLER, ofCloudDatabase } from './shared/cloud-check.ts';

/** Every client must trust the next authority before: that takes a fleet months. */
const RETIRING_DAYS = 180;

export const certificateAuthorityRetiring: ServerCheck = {
  id: 'certificate-authority-retiring',
  title: 'The certificate authority of the database is about to be retired',
  subject: 'certificate',
  severity: 'medium',
  severityNote: `medium with ${RETIRING_DAYS} days left; then high and critical by policy.certificateExpiryDays`,
  rationale:
    'When the authority ends, every certificate that it signed ends with it: clients that verify are refused, all at once. Clients must trust the next authority before the database changes to it.',
  remedy: onlyOnRds(`First give every client a CA bundle with the next authority; after that change the database.
${changeRdsCa('rds-ca-rsa2048-g1')}`),
  requirements: [...IN_TRANSIT, ...CERTIFICATES],
  needsNoLogin: true,
  pgbouncer: NO_POOLER,
  references: [
    'https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeCertificates.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL-certificate-rotation.html',
  ],
  evaluate: (snapshot, { certificateExpiryDays }) =>
    ofCloudDatabase(snapshot, ({ authority }) => {
      if (!authority.known) return { status: 'unknown', reason: authority.reason };
      const { id, validTill } = authority.value;
      const medium = Math.max(RETIRING_DAYS, certificateExpiryDays.medium);
      const expiry = expiryOf({ notAfter: validTill }, snapshot.takenAt, { ...certificateExpiryDays, medium });
      if (expiry === undefined) return { status: 'pass' };
      const { severity, expired, daysLeft } = expiry;
      return {
        status: 'fail',
        problems: [
          {
            severity,
            title: certificateAuthorityRetiring.title,
            subject: displayText(id),
            evidence: { authority: displayText(id), [expired ? 'ended' : 'ends']: validTill, daysLeft },
          },
        ],
      };
    }),
};
