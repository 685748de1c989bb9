/** The files of a replica, or the copy that another one sends, are not what they should be. Nothing was changed. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}
