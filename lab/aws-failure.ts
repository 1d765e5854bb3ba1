// Defines the errors that the local AWS services answer with.

/** An error as AWS defines it: its code, its HTTP status and a sentence. */
export class AwsFailure extends Error {
  override readonly name = 'AwsFailure';
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}
