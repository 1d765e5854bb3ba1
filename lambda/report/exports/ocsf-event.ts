// A Compliance Finding of OCSF 1.6.0: the attributes and the values of enumerations that are used here.

import type { Severity } from '../../model/severity.ts';

/** @see https://schema.ocsf.io/1.6.0/classes/compliance_finding */
export const OCSF_VERSION = '1.6.0';
export const CATEGORY_UID = 2;
export const CLASS_UID = 2003;

/** An enumeration's value with its caption: OCSF keeps both. */
export type Enumerated = readonly [id: number, caption: string];

export const ACTIVITIES = { create: [1, 'Create'], update: [2, 'Update'], close: [3, 'Close'] } as const;
export const STATUSES = {
  new: [1, 'New'],
  suppressed: [3, 'Suppressed'],
  resolved: [4, 'Resolved'],
  archived: [5, 'Archived'],
} as const;
export const UNKNOWN_SEVERITY: Enumerated = [0, 'Unknown'];
export const SEVERITY_IDS: Readonly<Record<Severity, Enumerated>> = {
  info: [1, 'Informational'],
  low: [2, 'Low'],
  medium: [3, 'Medium'],
  high: [4, 'High'],
  critical: [5, 'Critical'],
};

/** `warning` is OCSF's word for a check that came to no result because information is missing. */
export const COMPLIANCE = {
  unknown: [0, 'Unknown'],
  pass: [1, 'Pass'],
  warning: [2, 'Warning'],
  fail: [3, 'Fail'],
  notApplicable: [99, 'Not Applicable'],
} as const;

export interface OcsfResource {
  readonly name: string;
  readonly uid?: string;
  readonly type: string;
  readonly hostname?: string;
  readonly ip?: string;
  readonly version?: string;
  readonly labels?: readonly string[];
  readonly role_id: number;
  readonly role: string;
}

export interface OcsfEvidence {
  readonly data: Readonly<Record<string, unknown>>;
  readonly user?: { readonly name: string };
  readonly database?: { readonly name: string; readonly type_id: number; readonly type: string };
}

/** The attributes of a Compliance Finding that are given here. Times are milliseconds since 1970. */
export interface OcsfEvent {
  readonly activity_id: number;
  readonly activity_name: string;
  readonly category_uid: number;
  readonly category_name: string;
  readonly class_uid: number;
  readonly class_name: string;
  readonly type_uid: number;
  readonly type_name: string;
  readonly severity_id: number;
  readonly severity: string;
  readonly status_id: number;
  readonly status: string;
  readonly time: number;
  readonly message: string;
  readonly metadata: {
    readonly version: string;
    readonly product: { readonly name: string; readonly vendor_name: string; readonly version: string };
    /** The same only for the same event of the same run. */
    readonly uid: string;
    readonly event_code: string;
    readonly original_time: string;
  };
  readonly finding_info: {
    readonly uid: string;
    readonly title: string;
    readonly desc: string;
    readonly types: readonly string[];
    readonly analytic: { readonly uid: string; readonly name: string; readonly type_id: number; readonly type: string };
    readonly created_time?: number;
    readonly modified_time?: number;
    readonly first_seen_time?: number;
    readonly last_seen_time?: number;
  };
  readonly compliance: {
    readonly control: string;
    readonly desc?: string;
    readonly standards: readonly string[];
    readonly requirements: readonly string[];
    readonly status_id: number;
    readonly status: string;
    readonly status_details: readonly string[];
  };
  readonly resources: readonly OcsfResource[];
  readonly remediation?: { readonly desc: string; readonly references?: readonly string[] };
  readonly evidences?: readonly OcsfEvidence[];
}
