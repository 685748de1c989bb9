/** Something that was promised and did not hold. */
export interface Violation {
  /** Which promise. */
  readonly check: string;
  /** What was seen, for a person. */
  readonly report: string;
}
