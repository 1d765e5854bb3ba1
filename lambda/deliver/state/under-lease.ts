// Ties a lease to what is made while it is held.

/**
 * What `make` gives, which ends the lease when it is disposed of. Where `make` fails, the lease ends at once.
 *
 * Not by AsyncDisposableStack, which Node.js 22 does not have.
 */
export async function underLease<T extends object>(
  lease: AsyncDisposable,
  make: () => Promise<T>,
): Promise<T & AsyncDisposable> {
  try {
    return { ...(await make()), [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose]() };
  } catch (error) {
    await lease[Symbol.asyncDispose]();
    throw error;
  }
}
