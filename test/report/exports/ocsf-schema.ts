// The class Compliance Finding of OCSF 1.6.0. No npm package carries the schema: this one is written from its
// definition (https://github.com/ocsf/ocsf-schema, tag 1.6.0: events/findings/compliance_finding.json, what it extends,
// and the objects in it), strictly: an attribute that the class or object does not have is an error, and so is a
// caption beside an id that means something else.

import * as z from 'zod';

type Captions = Readonly<Record<number, string>>;

/** Of ids with captions; 99 is "Other", with a caption of the source's own. */
function captioned(id: number, caption: string, captions: Captions): boolean {
  return id === 99 ? caption !== '' && !Object.values(captions).includes(caption) : captions[id] === caption;
}

const SEVERITIES: Captions = {
  0: 'Unknown',
  1: 'Informational',
  2: 'Low',
  3: 'Medium',
  4: 'High',
  5: 'Critical',
  6: 'Fatal',
};
const ACTIVITIES: Captions = { 0: 'Unknown', 1: 'Create', 2: 'Update', 3: 'Close' };
const STATUSES: Captions = {
  0: 'Unknown',
  1: 'New',
  2: 'In Progress',
  3: 'Suppressed',
  4: 'Resolved',
  5: 'Archived',
  6: 'Deleted',
};
const COMPLIANCE_STATUSES: Captions = { 0: 'Unknown', 1: 'Pass', 2: 'Warning', 3: 'Fail' };
const ROLES: Captions = { 0: 'Unknown', 1: 'Target', 2: 'Actor', 3: 'Affected', 4: 'Related' };
const DATABASES: Captions = {
  0: 'Unknown',
  1: 'Relational',
  2: 'Network',
  3: 'Object Oriented',
  4: 'Centralized',
  5: 'Operational',
  6: 'NoSQL',
};

const string = z.string().min(1);
const strings = z.array(string);
/** timestamp_t: milliseconds since 1970, of a time in which this can run. */
const timestamp = z.int().min(Date.parse('2020-01-01T00:00:00Z')).max(Date.parse('2100-01-01T00:00:00Z'));
const ip = z.union([z.ipv4(), z.ipv6()]);

const resource = z
  .strictObject({
    name: string.optional(),
    uid: string.optional(),
    type: string.optional(),
    hostname: string.optional(),
    ip: ip.optional(),
    version: string.optional(),
    labels: strings.optional(),
    role_id: z.int().optional(),
    role: string.optional(),
  })
  .refine(({ name, uid }) => name !== undefined || uid !== undefined, 'at least one of name and uid')
  .refine(({ role_id, role }) => role_id === undefined || captioned(role_id, role ?? '', ROLES), 'role');

const evidence = z
  .strictObject({
    data: z.record(string, z.json()).optional(),
    user: z.strictObject({ name: string }).optional(),
    database: z
      .strictObject({ name: string, type_id: z.int(), type: string })
      .refine(({ type_id, type }) => captioned(type_id, type, DATABASES))
      .optional(),
  })
  .refine((given) => Object.keys(given).length > 0, 'at least one kind of evidence');

export const complianceFindingSchema = z
  .strictObject({
    activity_id: z.int(),
    activity_name: string,
    category_uid: z.literal(2),
    category_name: z.literal('Findings'),
    class_uid: z.literal(2003),
    class_name: z.literal('Compliance Finding'),
    type_uid: z.int(),
    type_name: string,
    severity_id: z.int(),
    severity: string,
    status_id: z.int(),
    status: string,
    time: timestamp,
    message: string,
    metadata: z.strictObject({
      version: z.literal('1.6.0'),
      product: z.strictObject({ name: string, vendor_name: string, version: string }),
      uid: string,
      event_code: string,
      original_time: string,
    }),
    finding_info: z.strictObject({
      uid: string,
      title: string,
      desc: string,
      types: strings,
      analytic: z.strictObject({ uid: string, name: string, type_id: z.literal(1), type: z.literal('Rule') }),
      created_time: timestamp.optional(),
      modified_time: timestamp.optional(),
      first_seen_time: timestamp.optional(),
      last_seen_time: timestamp.optional(),
    }),
    compliance: z
      .strictObject({
        control: string,
        desc: string.optional(),
        standards: strings.min(1),
        requirements: strings.min(1),
        status_id: z.int(),
        status: string,
        status_details: strings.min(1),
      })
      .refine(({ status_id, status }) => captioned(status_id, status, COMPLIANCE_STATUSES), 'compliance.status'),
    resources: z.array(resource).min(1),
    remediation: z.strictObject({ desc: string, references: z.array(z.url()).optional() }).optional(),
    evidences: z.array(evidence).optional(),
  })
  .refine(({ activity_id, activity_name }) => captioned(activity_id, activity_name, ACTIVITIES), 'activity_name')
  .refine(({ severity_id, severity }) => captioned(severity_id, severity, SEVERITIES), 'severity')
  .refine(({ status_id, status }) => captioned(status_id, status, STATUSES), 'status')
  .refine(({ class_uid, activity_id, type_uid }) => type_uid === class_uid * 100 + activity_id, 'type_uid')
  .refine(({ class_name, activity_name, type_name }) => type_name === `${class_name}: ${activity_name}`, 'type_name');
