// The protocol is written once: the modules that the demo's pages run are the package's, with their types beside them.
import { cp, rm } from "node:fs/promises";

const MODULES = new URL("../../demo_clients/segue_demo/static/segue/", import.meta.url);
const TYPES = new URL("src/segue/", import.meta.url);
const BUILT = new URL("dist/", import.meta.url);

await rm(BUILT, { recursive: true, force: true });
for (const from of [MODULES, TYPES]) await cp(from, new URL("segue/", BUILT), { recursive: true });
