// Who is a member of whom among the roles of a server, in little memory: thousands of roles in a chain have millions of
// memberships, which are never written out.

/** Bytes of the sets that are kept. Beyond it they are built anew when they are asked for: each takes one pass. */
const KEPT_BYTES = 32 * 1_024 * 1_024;

/** Memberships by oid, direct or through other roles. */
export class Memberships {
  readonly #numbers = new Map<string, number>();
  readonly #oids: string[] = [];
  /** By the number of a role: the numbers of its direct members, and of the roles that it is a direct member of. */
  readonly #members: number[][] = [];
  readonly #groups: number[][] = [];
  /** By the number of a group: a bit for each role that is a member of it. */
  readonly #known = new Map<number, Uint8Array>();

  constructor(pairs: Iterable<{ readonly member: string; readonly group: string }>) {
    for (const { member, group } of pairs) {
      const [memberNumber, groupNumber] = [this.#number(member), this.#number(group)];
      this.#members[groupNumber]?.push(memberNumber);
      this.#groups[memberNumber]?.push(groupNumber);
    }
  }

  /** Whether one role is a member of another, directly or through others, inherited or not. */
  isMember(member: string, group: string): boolean {
    const [memberNumber, groupNumber] = [this.#numbers.get(member), this.#numbers.get(group)];
    if (memberNumber === undefined || groupNumber === undefined) return false;
    return ((this.#membersOf(groupNumber)[memberNumber >> 3] ?? 0) & (1 << (memberNumber & 7))) !== 0;
  }

  /** The oids of all that a role is a member of. */
  *groupsOf(member: string): Generator<string> {
    const number = this.#numbers.get(member);
    if (number === undefined) return;
    const found = this.#reachable(number, this.#groups);
    for (const [index, oid] of this.#oids.entries()) {
      if (((found[index >> 3] ?? 0) & (1 << (index & 7))) !== 0) yield oid;
    }
  }

  #number(oid: string): number {
    const known = this.#numbers.get(oid);
    if (known !== undefined) return known;
    const number = this.#oids.push(oid) - 1;
    this.#numbers.set(oid, number);
    this.#members.push([]);
    this.#groups.push([]);
    return number;
  }

  #membersOf(group: number): Uint8Array {
    const known = this.#known.get(group);
    if (known !== undefined) return known;
    const found = this.#reachable(group, this.#members);
    if ((this.#known.size + 1) * found.length > KEPT_BYTES) this.#known.clear();
    this.#known.set(group, found);
    return found;
  }

  #reachable(start: number, next: readonly (readonly number[])[]): Uint8Array {
    const found = new Uint8Array((this.#oids.length + 7) >> 3);
    const open = [start];
    for (let role = open.pop(); role !== undefined; role = open.pop()) {
      for (const other of next[role] ?? []) {
        const bit = 1 << (other & 7);
        const byte = found[other >> 3] ?? 0;
        if ((byte & bit) !== 0) continue;
        found[other >> 3] = byte | bit;
        open.push(other);
      }
    }
    return found;
  }
}
