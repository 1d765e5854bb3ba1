// Finds a configuration outside of the function that can't be used, and settings that wait for a deployment.

import type { ConfigurationFacts } from '../model/cloud.ts';
import { displayText } from '../model/display.ts';
import type { Outcome, Problem } from '../model/finding.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import { DAY_MS, HOUR_MS, msBetween } from '../model/time.ts';
import type { AuditCheck } from './check.ts';

/** Milliseconds after which people follow a configuration that no run does. */
const LONG_MS = 3 * DAY_MS;

/** Milliseconds by which clocks differ. */
const MOST_AHEAD_MS = HOUR_MS;

/** The sentence of a failure, with what to do. */
const LENGTH = 1_000;

const NO_CONFIGURATION: Outcome = { status: 'not-applicable', reason: 'the function holds its configuration itself' };

export const configurationNotInEffect: AuditCheck = {
  id: 'configuration-not-in-effect',
  title: 'The configuration is not in effect',
  subject: 'audit',
  severity: 'high',
  severityNote:
    'critical where the last good configuration was read more than three days ago; medium for settings that need a deployment',
  rationale:
    'Runs follow the last good configuration: a target that was added since is not audited, and a policy that was tightened since is not applied.',
  remedy: `The finding names the setting that is wrong, or why the configuration can't be read.
Correct it, and check it before it is put in place: pg-tls-auditor audit --config <file>
Or put the last good version back: aws s3api list-object-versions, aws ssm get-parameter-history
For settings that need a deployment: deploy with them, or remove them from this configuration.
The next run reads the configuration again.`,
  requirements: IN_TRANSIT,
  hidesSessions: true,
  needsNoLogin: true,
  pgbouncer: () => NO_CONFIGURATION,
  references: [
    'https://docs.aws.amazon.com/AmazonS3/latest/userguide/RestoringPreviousVersions.html',
    'https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html',
  ],
  evaluate: ({ cloud, takenAt }) => {
    if (!cloud?.known || cloud.value.is !== 'configuration') return NO_CONFIGURATION;
    const problems = [...unusedProblems(cloud.value, takenAt), ...deploymentProblems(cloud.value)];
    return problems.length === 0 ? { status: 'pass' } : { status: 'fail', problems };
  },
};

function unusedProblems({ problem, lastReadAt, added }: ConfigurationFacts, takenAt: string): readonly Problem[] {
  if (problem === undefined) return [];
  const age = lastReadAt === undefined ? undefined : msBetween(lastReadAt, takenAt);
  // A last good one of later than now is of a clock that was ahead: how old it is, is not known.
  const isRecent = age !== undefined && age >= -MOST_AHEAD_MS && age <= LONG_MS;
  const more = added.count - added.names.length;
  return [
    {
      severity: isRecent ? 'high' : 'critical',
      title: configurationNotInEffect.title,
      subject: 'configuration',
      evidence: {
        what: displayText(problem, LENGTH),
        ...(lastReadAt === undefined ? {} : { lastGood: lastReadAt }),
        ...(added.count === 0 ? {} : { notAudited: `${added.names.join(', ')}${more > 0 ? ` and ${more} more` : ''}` }),
      },
    },
  ];
}

function deploymentProblems({ notInEffect }: ConfigurationFacts): readonly Problem[] {
  if (notInEffect.length === 0) return [];
  return [
    {
      severity: 'medium',
      title: 'Settings of the configuration need a deployment',
      subject: 'deployment',
      evidence: { settings: displayText(notInEffect.join(', '), LENGTH) },
    },
  ];
}
