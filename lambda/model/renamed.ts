// Lists the names that settings and checks had before 0.1.0, so that errors can give the new ones.

/** Settings of the configuration, by their old paths. */
export const RENAMED_SETTINGS: ReadonlyMap<string, string> = new Map([
  ['alerts.quietHours', 'alerts.resolveAfterHours'],
  ['alerts.reminderHours', 'alerts.repeatIntervalHours'],
]);

/** Checks, by their old ids. */
export const RENAMED_CHECKS: ReadonlyMap<string, string> = new Map([
  ['blind-role', 'insufficient-privileges'],
  ['tls-terminated-upstream', 'tls-terminated-by-proxy'],
]);
