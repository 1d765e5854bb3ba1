// Compares texts by code unit, so that their order is the same on every machine.

/** By code unit, whatever the locale; what is undefined comes first, as an empty text does. */
export function compareText(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
