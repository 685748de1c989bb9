/** Virtual nodes of a member of weight 1 unless the ring's options say otherwise. */
export const DEFAULT_VIRTUAL_NODES = 150;

/** Most members of one ring: a point stores its owner in 16 bits. */
export const MAX_MEMBERS = 65_536;

/**
 * Most points of one ring, over all members. Beyond it about one point in 256 would share its 32-bit position with
 * another, and an index of the ring would pass a few hundred megabytes.
 */
export const MAX_POINTS = 16_777_216;

/** Longest member id or zone, in UTF-16 code units (`string.length`). */
export const MAX_NAME_LENGTH = 512;
