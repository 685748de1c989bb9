/** One step of a change of membership. */
export interface MemberChange {
  /**
   * `addVoter` also promotes a learner; `addLearner` also demotes a voter; `remove` takes a replica out. Repeating what
   * is already so has no effect.
   */
  readonly type: "addVoter" | "addLearner" | "remove";
  readonly replica: number;
}

/**
 * How to get from one configuration to the next.
 *
 * - `auto`: at once if `changes` has one member, else through a joint configuration that the leader leaves
 *   by itself.
 * - `implicit`: through a joint configuration that the leader leaves by itself.
 * - `explicit`: through a joint configuration that stays until a change without `changes` is proposed.
 */
export type Transition = "auto" | "implicit" | "explicit";

/**
 * A change of a group's membership (Raft paper, section 6). It takes effect when it is applied; only one may be under
 * way. Without `changes` it leaves the joint configuration.
 */
export interface ConfChange {
  readonly transition: Transition;
  readonly changes: readonly MemberChange[];
  /**
   * The `Configuration.index` that the proposer looked at: the change is refused (`configurationMoved`) when the
   * configuration has changed since. Absent: whatever it is.
   */
  readonly expectedConfigurationIndex?: number;
  /** The application's own; not looked at. Empty by default. */
  readonly context?: Uint8Array;
}

/** The change that leaves a joint configuration. */
export const leaveJoint: ConfChange = { transition: "auto", changes: [] };
