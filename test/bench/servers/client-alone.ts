/** What init can't do without: it loads the client as init does, and does no more. */
import { connectToCluster } from "../../../src/cluster/client.ts";

connectToCluster(process.env.KUBECONFIG);
process.stdout.write("ready\n");
setInterval(() => {}, 1 << 30);
