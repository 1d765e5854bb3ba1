// Keeps what a pure function made of texts that a report has again and again, such as remedies.

const MOST_TEXTS = 500;
/** A longer text is a server's own, and does not come again. */
const LONGEST = 8_000;

/** The same function, which answers from memory what it was asked before. It forgets all when it has kept too much. */
export function cached<Result extends {}>(answer: (text: string) => Result): (text: string) => Result {
  const known = new Map<string, Result>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const result = answer(text);
    if (text.length > LONGEST) return result;
    if (known.size === MOST_TEXTS) known.clear();
    known.set(text, result);
    return result;
  };
}
