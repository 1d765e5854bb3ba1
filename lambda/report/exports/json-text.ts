// Writes JSON part by part: a document of a hundred thousand findings is never one text or one tree of objects.

const STEP = '  ';
/** Items of a list that are written as one part: one by one they take longer. */
const ITEMS = 50;

/** A piece of a JSON document that is written part by part, given how many levels its lines are indented. */
type Streamed = (level: number) => Iterable<string>;

/** A list whose items are made while it is written. */
export function jsonList(items: Iterable<unknown>): Streamed {
  return function* (level) {
    let before = '[\n';
    for (const some of batches(items)) {
      yield before + itemLines(some, level);
      before = ',\n';
    }
    yield before === '[\n' ? '[]' : `\n${STEP.repeat(level)}]`;
  };
}

/** A list with one item, which is written part by part. */
export function jsonListOf(item: Streamed): Streamed {
  return function* (level) {
    yield `[\n${STEP.repeat(level + 1)}`;
    yield* item(level + 1);
    yield `\n${STEP.repeat(level)}]`;
  };
}

/** An object of which some values are written part by part; a key whose value is undefined is left out. */
export function jsonObject(object: Readonly<Record<string, unknown>>): Streamed {
  return function* (level) {
    const indent = STEP.repeat(level + 1);
    let before = '{\n';
    for (const [key, value] of Object.entries(object)) {
      if (value === undefined) continue;
      yield `${before}${indent}${JSON.stringify(key)}: `;
      if (isStreamed(value)) yield* value(level + 1);
      // A line end within a text is escaped: those here are between the lines.
      else yield JSON.stringify(value, null, STEP).replaceAll('\n', `\n${indent}`);
      before = ',\n';
    }
    yield before === '{\n' ? '{}' : `\n${STEP.repeat(level)}}`;
  };
}

/** What `JSON.stringify(whole, null, 2)` gives, with a line end. */
export function* jsonDocument(whole: Streamed): Generator<string> {
  yield* whole(0);
  yield '\n';
}

/** What `JSON.stringify(object)` gives, in parts. Its lists may be long, and no value is undefined. */
export function* compactJson(object: object): Generator<string> {
  let before = '{';
  for (const [key, value] of Object.entries(object)) {
    yield `${before}${JSON.stringify(key)}:`;
    if (Array.isArray(value)) yield* compactList(value);
    else yield JSON.stringify(value);
    before = ',';
  }
  yield before === '{' ? '{}' : '}';
}

function* compactList(items: readonly unknown[]): Generator<string> {
  let before = '[';
  for (const some of batches(items)) {
    yield before + JSON.stringify(some).slice(1, -1);
    before = ',';
  }
  yield before === '[' ? '[]' : ']';
}

function isStreamed(value: unknown): value is Streamed {
  return typeof value === 'function';
}

/** The items as lines of a list that is so many levels deep: they are written within as many lists around them. */
function itemLines(items: readonly unknown[], level: number): string {
  let nested: unknown = items;
  let brackets = 2;
  for (let depth = 1; depth <= level; depth += 1) {
    nested = [nested];
    brackets += 2 + depth * STEP.length;
  }
  return JSON.stringify(nested, null, STEP).slice(brackets, -brackets);
}

function* batches(items: Iterable<unknown>): Generator<readonly unknown[]> {
  let batch: unknown[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length === ITEMS) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
