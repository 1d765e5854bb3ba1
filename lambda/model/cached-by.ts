// Keeps what a function made of its argument: for as long as the object is there, or as the function is.

/** The same function of an object that nothing changes, which answers from memory what it was asked before. */
export function cachedBy<Key extends object, Result extends {}>(answer: (key: Key) => Result): (key: Key) => Result {
  return fromMemory(new WeakMap<Key, Result>(), answer);
}

/** The same for keys of any type, texts too. It keeps every one of them: not to be held longer than they are needed. */
export function onceEach<Key, Result extends {}>(answer: (key: Key) => Result): (key: Key) => Result {
  return fromMemory(new Map<Key, Result>(), answer);
}

interface Memory<Key, Result> {
  get(key: Key): Result | undefined;
  set(key: Key, result: Result): unknown;
}

function fromMemory<Key, Result extends {}>(
  known: Memory<Key, Result>,
  answer: (key: Key) => Result,
): (key: Key) => Result {
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const result = answer(key);
    known.set(key, result);
    return result;
  };
}
