export type { LogStorage, LogWrite } from "./log-storage.ts";
