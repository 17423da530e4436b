/** A thread with an API server of many slices, so that its work is not taken for the client's. */
import { parentPort, workerData } from "node:worker_threads";
import { endpointSlice } from "../../support/api-objects.ts";
import { ApiServer, type ApiServerOptions } from "../../support/api-server.ts";

const { slices, endpoints, options } = workerData as { slices: number; endpoints: number; options: ApiServerOptions };
const objects = Array.from({ length: slices }, (_, i) => {
  const addresses = Array.from({ length: endpoints }, (_one, j) => `10.${i >> 8}.${i & 255}.${j}`);
  const each = addresses.map((address, j) => ({ addresses: [address], pod: `web-${i}-${j}`, nodeName: "node-1" }));
  return endpointSlice(`web-${i}`, "shop", each);
});
const api = await ApiServer.start({ ...options, objects });
parentPort!.postMessage(api.url);
