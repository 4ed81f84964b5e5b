// A push server for benches: FCM's answers and Google's tokens over HTTP/2 and HTTP/1.1, as fast as Node gives them.
// node fcm_sink.mjs KEY CERTIFICATE; prints its port.
import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";

const [key, cert] = process.argv.slice(2).map((path) => readFileSync(path));
let count = 0;
const server = createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
  request.resume();
  request.on("end", () => {
    const token = request.url === "/token";
    const said = token
      ? { access_token: "ya29.bench", expires_in: 3599, token_type: "Bearer" }
      : { name: `projects/bench/messages/${(count += 1)}` };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(said));
  });
});
server.on("sessionError", () => {});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
