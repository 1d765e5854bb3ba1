// Folds the numbers in program names, so that `worker-17` and `worker-18` are one client.

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const UUID_LENGTH = 36;
const DIGITS = /\d+/g;

/** The name with every UUID and run of digits replaced by `#`. Folding twice changes nothing more. */
export function fold(name: string): string {
  const withoutUuids = name.length < UUID_LENGTH ? name : name.replace(UUID, '#');
  return withoutUuids.replace(DIGITS, '#');
}
