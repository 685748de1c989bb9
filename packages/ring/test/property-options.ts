/**
 * Settings of every property test. The seed is fixed so that a default run is the same everywhere; a failure prints its
 * seed and path. Replay or widen with
 *
 *     RING_SEED=123 RING_RUNS=4000 vitest run --project unit --testTimeout 200000 packages/ring
 */
export const propertyOptions: { readonly seed: number; readonly numRuns: number } = {
  seed: Number(process.env["RING_SEED"] ?? 20_261_122),
  numRuns: Number(process.env["RING_RUNS"] ?? 150),
};
