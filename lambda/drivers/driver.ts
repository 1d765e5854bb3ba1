// Defines a driver or tool that connects to PostgreSQL, as far as TLS is concerned.

export interface Driver {
  readonly id: string;
  readonly name: string;
  /** Languages, and what is built on it. */
  readonly covers: string;
  /** What it does where its user sets nothing about TLS. */
  readonly byDefault: string;
  /** What becomes of it, with its defaults, once the server refuses plaintext. */
  readonly atEnforcement: 'breaks' | 'survives' | 'depends';
  /** What has to be so for it to break. */
  readonly breaksWhen: string;
  /** Exactly what to write. `{host}`, `{port}` and `{ca}` are filled in; what is in `<…>` is the user's. */
  readonly verifyFull: string;
  readonly notes?: string;
  /** Regular expressions for the application names by which it shows itself, without regard to case. */
  readonly names: readonly string[];
  /** Where its behaviour is documented. */
  readonly source: string;
}
