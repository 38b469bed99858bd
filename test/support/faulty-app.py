"""A web application that starts in the way that its first argument says."""
import http.server
import os
import sys
import threading
import time

MODE = sys.argv[1]
PORT = int(os.environ["PORT"])
SINCE = time.monotonic()
print("starts", MODE, flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/exit":
            os._exit(3)
        if MODE == "hang":
            time.sleep(600)
        status = 200
        if MODE == "broken" or (MODE == "slow" and time.monotonic() - SINCE < 2.5):
            status = 500
        body = f"{MODE} {os.getpid()}".encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(address, port):
    http.server.ThreadingHTTPServer((address, port), Handler).serve_forever()


if MODE == "done":
    for number in range(80):
        print("line", number, flush=True)
    sys.exit(0)
if MODE == "slow":
    time.sleep(1.5)
if MODE == "fixed":
    print(f"Listening at: http://127.0.0.1:{sys.argv[2]}", flush=True)
    serve("127.0.0.1", int(sys.argv[2]))
if MODE == "other-ports":
    threading.Thread(target=serve, args=("127.0.0.1", 0)).start()
    serve("127.0.0.1", 0)
if MODE == "other-port":
    serve("127.0.0.1", 0)
serve("127.0.0.2" if MODE == "other-address" else "127.0.0.1", PORT)
