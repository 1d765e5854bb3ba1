// Answers which roles are members of which, directly or through other roles.

/** Bytes of the bit sets that are kept. Beyond that they are built again when they are needed, each in one pass. */
const KEPT_BYTES = 32 * 1_024 * 1_024;

/**
 * Memberships of roles, by whatever identifies a role: its oid, or its place in a list.
 *
 * Indirect memberships are computed when they are asked for and never stored as a list: thousands of roles in a chain
 * have millions of them.
 */
export class Memberships<Role> {
  readonly #numbers = new Map<Role, number>();
  readonly #roles: Role[] = [];
  /** By the number of a role: the numbers of its direct members, and of the roles that it is a direct member of. */
  readonly #members: number[][] = [];
  readonly #groups: number[][] = [];
  /** By the number of a group: a bit for each role that is a member of it. */
  readonly #known = new Map<number, Uint8Array>();

  /** @param pairs direct memberships */
  constructor(pairs: Iterable<{ readonly member: Role; readonly group: Role }>) {
    for (const { member, group } of pairs) {
      const [memberNumber, groupNumber] = [this.#number(member), this.#number(group)];
      this.#members[groupNumber]?.push(memberNumber);
      this.#groups[memberNumber]?.push(groupNumber);
    }
  }

  /** Whether one role is a member of another, directly or through others, inherited or not. */
  isMember(member: Role, group: Role): boolean {
    const [memberNumber, groupNumber] = [this.#numbers.get(member), this.#numbers.get(group)];
    if (memberNumber === undefined || groupNumber === undefined) return false;
    return ((this.#membersOf(groupNumber)[memberNumber >> 3] ?? 0) & (1 << (memberNumber & 7))) !== 0;
  }

  /** The roles of which a role is a direct member, each once. */
  directGroupsOf(member: Role): readonly Role[] {
    const number = this.#numbers.get(member);
    if (number === undefined) return [];
    return [...new Set(this.#groups[number])].flatMap((group) => this.#roles[group] ?? []);
  }

  /** All roles that a role is a member of, directly or through others. */
  *groupsOf(member: Role): Generator<Role> {
    const number = this.#numbers.get(member);
    if (number === undefined) return;
    const found = this.#reachable(number, this.#groups);
    for (const [index, role] of this.#roles.entries()) {
      if (((found[index >> 3] ?? 0) & (1 << (index & 7))) !== 0) yield role;
    }
  }

  #number(role: Role): number {
    const known = this.#numbers.get(role);
    if (known !== undefined) return known;
    const number = this.#roles.push(role) - 1;
    this.#numbers.set(role, number);
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
    const found = new Uint8Array((this.#roles.length + 7) >> 3);
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
