// Keeps what a function made of its argument: for as long as the object is there, or as the function is.

/** The same function of an object that nothing changes, which answers from memory what it was asked before. */
export function cachedBy<Key extends object, Result extends {}>(answer: (key: Key) => Result): (key: Key) => Result {
  const known = new WeakMap<Key, Result>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const result = answer(key);
    known.set(key, result);
    return result;
  };
}

/** The same for keys of any type, texts too. It keeps every one of them: not to be held longer than they are needed. */
export function onceEach<Key, Result extends {}>(answer: (key: Key) => Result): (key: Key) => Result {
  const known = new Map<Key, Result>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const result = answer(key);
    known.set(key, result);
    return result;
  };
}
