/** How calls of the services between nodes say who calls: the fields of a greeting, as headers. */
import type { Interceptor } from "@connectrpc/connect";
import { ApiError } from "../http/api-error.ts";
import type { Admit, PeerIdentity, Refusal } from "./hello.ts";

const clusterHeader = "titan-cluster-id";
const nodeHeader = "titan-node";
const incarnationHeader = "titan-incarnation";
const tokenHeader = "titan-node-token";

/** Adds the identity to every call that is made. */
export function identityInterceptor(self: PeerIdentity): Interceptor {
  return (next) => (request) => {
    request.header.set(clusterHeader, self.clusterId);
    request.header.set(nodeHeader, String(self.node));
    request.header.set(incarnationHeader, String(self.incarnation));
    request.header.set(tokenHeader, self.token);
    return next(request);
  };
}

function identityIn(header: Headers): PeerIdentity | undefined {
  const clusterId = header.get(clusterHeader);
  const token = header.get(tokenHeader);
  const node = Number(header.get(nodeHeader) ?? Number.NaN);
  const incarnation = Number(header.get(incarnationHeader) ?? Number.NaN);
  if (clusterId === null || token === null) return undefined;
  if (!Number.isSafeInteger(node) || !Number.isSafeInteger(incarnation)) return undefined;
  return { clusterId, node, incarnation, token };
}

/** The node that made a call which `admissionInterceptor` let pass. */
export function callingNode(header: Headers): number {
  return Number(header.get(nodeHeader));
}

/** Lets only calls of admitted nodes pass. */
export function admissionInterceptor(admit: Admit): Interceptor {
  return (next) => (request) => {
    const identity = identityIn(request.header);
    if (identity === undefined) {
      throw new ApiError({
        reason: "PERMISSION_DENIED",
        outcome: "NOT_APPLIED",
        message: "this port is for the nodes of the cluster; clients use the client port",
      });
    }
    const refusal = admit(identity);
    if (refusal !== undefined) throw refusedError(refusal);
    return next(request);
  };
}

function refusedError(refusal: Refusal): ApiError {
  return new ApiError({
    reason: refusal.reason === "NOT_READY" ? "UNAVAILABLE" : "FAILED_PRECONDITION",
    outcome: "NOT_APPLIED",
    message: `${refusal.reason}: ${refusal.message}`,
  });
}
