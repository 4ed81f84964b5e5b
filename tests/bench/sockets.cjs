// Node's Socket.IO as bench_sockets measures it: a server that tells its own crowd, or one that a worker tells through Redis.
// node sockets.cjs server|teller FOLDER PORT PEOPLE REDIS, where FOLDER has socket.io, @socket.io/redis-adapter,
// @socket.io/redis-emitter and redis in its node_modules. For each line read, a round; it prints the moment of the first word.
const [, , mode, folder, port, people, redis] = process.argv;
const need = (name) => require(require.resolve(name, { paths: [folder] }));

const message = (n) => ({
  id: "0f0e0d0c-0b0a-4908-8706-050403020100", cursor: "c" + n, title: "Hello " + n, message: "Hello!",
  notification_type: "test", data: { n }, created_at: new Date().toISOString(), unread: n,
});
const now = () => Number(process.hrtime.bigint()) / 1e9; // the system's monotonic clock, as Python's

async function main() {
  const client = need("redis").createClient({ url: redis });
  await client.connect();
  let tell;
  if (mode === "server") {
    const { Server } = need("socket.io");
    const other = client.duplicate();
    await other.connect();
    const io = new Server(+port, { transports: ["websocket"], adapter: need("@socket.io/redis-adapter").createAdapter(client, other) });
    io.on("connection", (socket) => {
      socket.join("user:" + socket.handshake.auth.token);
      socket.emit("sync", { items: [] });
    });
    tell = () => [...io.sockets.sockets.values()].forEach((socket, n) => socket.emit("notification", message(n)));
  } else {
    const emitter = new (need("@socket.io/redis-emitter").Emitter)(client);
    tell = () => {
      for (let n = 0; n < +people; n++) emitter.to("user:" + n).emit("notification", message(n));
    };
  }
  process.stdin.on("data", () => {
    console.log(now());
    tell();
  });
  console.log("ready");
}

main();
