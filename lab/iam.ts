// Evaluates a role's policies for a request, for the statements this project writes: Allow only, few conditions.

/** A statement as IAM has it, with ARNs in place of references. */
export interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>> | undefined;
}

/** One request, as IAM is asked about it. */
export interface IamRequest {
  /** `sns:Publish` */
  readonly action: string;
  /** ARN, or `*` where the action has no resource to name. */
  readonly resource: string;
  /** Condition keys of the request, such as `s3:if-none-match`. */
  readonly context?: Readonly<Record<string, string>> | undefined;
}

/** The statements that allow the request. @throws Error for what is not evaluated here: it must not pass unseen */
export function allowing(
  statements: readonly Statement[],
  { action, resource, context = {} }: IamRequest,
): Statement[] {
  return statements.filter(({ Effect, Action, Resource, Condition = {} }) => {
    if (Effect !== 'Allow') throw new Error(`Effect ${Effect} is not evaluated`);
    return (
      [Action].flat().some((pattern) => matches(pattern, action)) &&
      [Resource].flat().some((pattern) => matches(pattern, resource)) &&
      Object.entries(Condition).every(([operator, keys]) =>
        Object.entries(keys).every(([key, value]) => holds(operator, value, context[key])),
      )
    );
  });
}

function holds(operator: string, wanted: string | readonly string[], given: string | undefined): boolean {
  const values = [wanted].flat();
  if (operator === 'Null') return (given === undefined) === (wanted === 'true');
  if (operator === 'StringEquals') return values.some((value) => given === value);
  if (operator === 'StringLike') return given !== undefined && values.some((value) => matches(value, given));
  // Of one value; of none, every one of them is as it should be.
  if (operator === 'ForAllValues:StringLike') {
    return given === undefined || values.some((value) => matches(value, given));
  }
  throw new Error(`the condition ${operator} is not evaluated`);
}

/** `*` stands for any characters, `?` for one. */
function matches(pattern: string, text: string): boolean {
  const expression = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`, 's').test(text);
}
