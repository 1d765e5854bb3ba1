// What SNS does with a filter policy on message attributes, as far as its documentation tells.

/** Values by attribute name: a text of the type String, or a list of the type String.Array. */
export type MessageAttributes = Readonly<Record<string, string | readonly string[]>>;

type Condition = string | { readonly exists: boolean };
export type FilterPolicy = Readonly<Record<string, readonly Condition[]>>;

/**
 * Whether a subscription receives a message. Every key of the policy must match, by one of its conditions each. A
 * message without any attribute passes no policy, not even one that asks for an attribute's absence.
 *
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
 * @see https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html
 */
export function receives(policy: FilterPolicy | undefined, attributes: MessageAttributes): boolean {
  if (policy === undefined) return true;
  if (Object.keys(attributes).length === 0) return false;
  return Object.entries(policy).every(([key, conditions]) => {
    const values = [attributes[key] ?? []].flat();
    return conditions.some((condition) =>
      typeof condition === 'string' ? values.includes(condition) : values.length > 0 === condition.exists,
    );
  });
}
