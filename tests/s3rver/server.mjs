// Serves one bucket from the folder that is named as the argument, at a free port of this machine.
import S3rver from "s3rver";

const server = new S3rver({
  address: "127.0.0.1",
  port: 0,
  directory: process.argv[2],
  silent: true,
  configureBuckets: [{ name: "tasks", configs: [] }],
});
const { port } = await server.run();
console.log(`endpoint http://127.0.0.1:${port}`);
