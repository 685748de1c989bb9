import { ClusterProcesses } from "../../packages/server/test/support/cluster-processes.ts";
const C = "titan.cluster.v1.ClusterService";
const cluster = await ClusterProcesses.start(3);
await cluster.join(4);
await cluster.ready();
console.log("joined");
await new Promise((r) => setTimeout(r, 4000));
console.log(JSON.stringify(await cluster.call(1, `${C}/Remove`, { node: 2 })));
for (let i = 0; i < 6; i++) {
  await new Promise((r) => setTimeout(r, 3000));
  const s: any = (await cluster.call(1, `${C}/GetStatus`, {})).body;
  console.log(s.topology.nodes.map((n: any) => n.id + ":" + n.state + (n.alive ? "+" : "-")).join(" "));
  for (const sh of s.topology.shards)
    console.log(
      sh.id ?? 0,
      "leader",
      sh.leader,
      "pref",
      sh.preferredLeader,
      sh.replicas
        .map((r: any) => `${r.node}/${r.replica}:${r.role.slice(13)} m=${r.matchIndex} lag=${r.lagEntries}`)
        .join(" | "),
    );
}
for (const n of cluster.nodes) console.log(n.node, n.log.slice(-1500));
await cluster.stop();
process.exit(0);
