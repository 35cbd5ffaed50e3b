// A client that costs next to nothing: one socket, prepared bytes. What a full HTTP client adds to a
// latency is not the server's.

import net from "node:net";

export function request(method, path, key, headers = {}, body = "") {
  const fields = { Host: "localhost", Authorization: `Bearer ${key}`, ...headers };
  if (body !== "") {
    fields["Content-Type"] = "application/json";
    fields["Content-Length"] = Buffer.byteLength(body);
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

export class Wire {
  static connect(port) {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        const self = new Wire();
        self.socket = socket;
        socket.setEncoding("latin1");
        resolve(self);
      });
    });
  }

  onData(listener) {
    this.socket.on("data", listener);
  }

  send(text) {
    this.socket.write(text, "latin1");
  }

  /** Sends a request and returns its whole answer, which must have a Content-Length. */
  ask(text) {
    return new Promise((resolve, reject) => {
      let answer = "";
      const broken = () => reject(new Error("the server closed the connection"));
      const look = (chunk) => {
        answer += chunk;
        const end = answer.indexOf("\r\n\r\n");
        const length = /\r\ncontent-length: (\d+)/i.exec(answer);
        if (end >= 0 && length && answer.length >= end + 4 + Number(length[1])) {
          this.socket.off("data", look).off("close", broken);
          resolve(answer);
        }
      };
      this.socket.on("data", look).once("close", broken);
      this.send(text);
    });
  }

  close() {
    this.socket.destroy();
  }
}
