export { checkLinearizability, type CheckOptions, checkPartitioned, type Verdict } from "./check.ts";
export type { Model } from "./model.ts";
export type { Operation } from "./operation.ts";
export { type RegisterInput, registerModel, type RegisterOutput } from "./register-model.ts";
