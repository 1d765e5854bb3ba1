// Decides whether tests that need a container can run here; skips them with the reason where they cannot.

import { setTimeout as sleep } from 'node:timers/promises';
import { getContainerRuntimeClient, getReaper, ImageName } from 'testcontainers';

/** Milliseconds that a daemon gets to answer. One that is there does so in a fraction of it. */
const DAEMON_TIMEOUT = 3_000;

/** Milliseconds that a registry gets to deliver what the daemon lacks. */
const PULL_TIMEOUT = 120_000;

/**
 * Why no container of an image can be started here; undefined when one can. Pulls the image if the daemon lacks it.
 *
 * @param image as `docker pull` takes it
 */
export async function reasonWithoutContainer(image: string): Promise<string | undefined> {
  const docker = await within(DAEMON_TIMEOUT, getContainerRuntimeClient());
  if ('problem' in docker) return 'no Docker daemon answers';
  const { value: client } = docker;
  const wanted = ImageName.fromString(image);
  const pulled = await within(PULL_TIMEOUT, client.image.pull(wanted));
  // A pull that fails half-way is reported as success.
  if ('problem' in pulled || !(await client.image.exists(wanted))) {
    return `the Docker daemon has no image ${image} and can't pull it${'problem' in pulled ? `: ${pulled.problem}` : ''}`;
  }
  const reaper = await within(PULL_TIMEOUT, getReaper(client));
  if ('problem' in reaper) {
    return `the container that removes others can't start (TESTCONTAINERS_RYUK_DISABLED=true does without): ${reaper.problem}`;
  }
  return undefined;
}

/** The promise's value, or what went wrong with it, in one line. */
async function within<T>(
  ms: number,
  promise: Promise<T>,
): Promise<{ readonly value: T } | { readonly problem: string }> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      promise.then((value) => ({ value })),
      sleep(ms, { problem: `no answer in ${ms / 1000} s` }, { signal: timer.signal }),
    ]);
  } catch (error) {
    return { problem: String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '' };
  } finally {
    timer.abort();
  }
}
