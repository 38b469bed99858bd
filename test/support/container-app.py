"""What an image of the tests serves: itself, its environment, its volume, and its end."""

import http.server
import os
import signal
import sys

print("starting", flush=True)
MODE = os.environ.get("MODE", "serve")
PORT = 5000 if MODE == "fixed" else int(os.environ["PORT"])
HOST = "127.0.0.1" if MODE == "loopback" else "0.0.0.0"
signal.signal(signal.SIGTERM, lambda *_: (print("asked to end", flush=True), sys.exit(0)))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/memory":
            self.server.kept = bytearray(b"x" * (200 << 20))
        if self.path.startswith("/write/"):
            with open(os.environ["LOCKSTEP_VOLUME_DATA"] + "/notes.txt", "a") as file:
                file.write(self.path[7:] + "\n")
            os.makedirs(os.environ["LOCKSTEP_VOLUME_DATA"] + "/deep", exist_ok=True)
            with open(os.environ["LOCKSTEP_VOLUME_DATA"] + "/deep/" + self.path[7:], "w") as file:
                file.write("x")
        if self.path.startswith("/fill/"):
            for number in range(int(self.path[6:])):
                with open(f"/srv/filled-{number}", "wb") as file:
                    file.write(bytes(1 << 20))
        if self.path.startswith("/say/"):
            print(self.path[5:], flush=True)
        text = os.environ["LOCKSTEP_RELEASE"] + " " + str(os.getuid())
        if "LOCKSTEP_VOLUME_DATA" in os.environ and os.path.exists(os.environ["LOCKSTEP_VOLUME_DATA"] + "/notes.txt"):
            with open(os.environ["LOCKSTEP_VOLUME_DATA"] + "/notes.txt") as file:
                text += " " + ",".join(file.read().split())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer((HOST, PORT), Handler).serve_forever()
