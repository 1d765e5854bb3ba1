// Makes what is costly when it is first used.

/** Makes a value at the first call, and returns the same one at every later call. */
export function lazily<Args extends readonly unknown[], T>(make: (...args: Args) => T): (...args: Args) => T {
  let made: { readonly value: T } | undefined;
  return (...args) => {
    made ??= { value: make(...args) };
    return made.value;
  };
}
