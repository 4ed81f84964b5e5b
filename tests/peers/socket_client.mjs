// An app in JavaScript: npm's socket.io-client, driven over its standard streams, one JSON document a line.
// node socket_client.mjs '{"folder": ..., "package": ..., "url": ..., "auth": {...}, "options": {...}}'
// Says {event, data} for all that it hears; takes {emit, data} (the server's answer comes as "answer"), {connect: auth} and {close: true}.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { folder, package: name, url, auth, options } = JSON.parse(process.argv[2]);
const client = createRequire(`${folder}/`)(name);
const io = client.io || client;
const say = (event, data) => process.stdout.write(JSON.stringify({ event, data }) + "\n");

const socket = io(url, { auth, reconnectionDelay: 50, reconnectionDelayMax: 100, ...options });
socket.on("connect", () => say("connect", { id: socket.id }));
socket.on("connect_error", (error) => say("connect_error", { message: error.message, data: error.data }));
socket.on("error", (error) => say("error", { message: String(error) }));
socket.on("disconnect", (reason) => say("disconnect", { reason }));
for (const event of ["sync", "notification", "unread", "changed"]) {
  socket.on(event, (data) => {
    if (data && data.cursor && socket.auth) socket.auth.since = data.cursor; // as an app does, for the next connection
    say(event, data);
  });
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line);
  if (order.emit) socket.emit(order.emit, order.data, (answer) => say("answer", answer));
  if (order.connect) Object.assign(socket, { auth: order.connect }).connect();
  if (order.close) socket.close();
}).on("close", () => process.exit(0));
