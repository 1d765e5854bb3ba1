// Defines a fact that may be unavailable: its value, or the reason why it is not known.

export type Observed<T> =
  | { readonly known: true; readonly value: T }
  | {
      readonly known: false;
      /** One sentence without a final period: why the fact could not be observed. */
      readonly reason: string;
    };

export function known<T>(value: T): Observed<T> {
  return { known: true, value };
}

export function unknown(reason: string): Observed<never> {
  return { known: false, reason };
}
