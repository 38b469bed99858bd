"""A web application that misbehaves when it is asked to: GET /WHAT begins it."""
import http.server
import os
import signal
import sys
import threading
import time

KEPT = []


def apart(work):
    """Runs the work in a child that nobody waits for."""
    if os.fork() == 0:
        try:
            work()
        finally:
            os._exit(0)


def spin():
    while True:
        pass


def burn():
    for _ in range(8):
        apart(spin)


def bomb():
    def split():
        until = time.monotonic() + 3
        while time.monotonic() < until:
            try:
                os.fork()
            except OSError:
                pass
    apart(split)


def hog():
    apart(lambda: KEPT.extend(bytearray(b"x" * 1048576) for _ in range(1000)))


def hog_itself():
    threading.Thread(target=lambda: KEPT.extend(bytearray(b"x" * 1048576) for _ in range(1000))).start()


def leak():
    def work():
        try:
            while True:
                KEPT.append(open("/dev/null"))
        except OSError:
            time.sleep(3)
    apart(work)


def flood(piece, seconds=3):
    def work():
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            os.write(1, piece)
    apart(work)


def line():
    def work():
        for _ in range(100):
            os.write(1, b"x" * 1000000)
        os.write(1, b"\n")
    apart(work)


def away():
    """A daemon that left the session, the environment and SIGTERM behind."""
    def work():
        os.setsid()
        if os.fork() > 0:
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.chdir("/")
        for fd in range(256):
            try:
                os.close(fd)
            except OSError:
                pass
        os.execve("/bin/sleep", ["sleep", os.environ["AWAY"]], {})
    apart(work)


def leavings():
    """Things outside of the app's own folders."""
    open(f"/tmp/left-{os.environ['AWAY']}", "w").write("x")
    os.makedirs(f"/dev/shm/left-{os.environ['AWAY']}/deep")


def fill(size):
    """Files of a megabyte in the volume, until it is refused."""
    folder = os.environ["LOCKSTEP_VOLUME_DATA"]
    try:
        for number in range(size):
            with open(f"{folder}/{number}", "wb") as file:
                file.write(b"x" * 1048576)
    except OSError as error:
        return str(error)
    return "written"


def empty():
    folder = os.environ["LOCKSTEP_VOLUME_DATA"]
    for name in os.listdir(folder):
        os.unlink(f"{folder}/{name}")


DEEDS = {
    "/burn": burn, "/bomb": bomb, "/hog": hog, "/hog-itself": hog_itself, "/leak": leak, "/line": line, "/away": away,
    "/flood": lambda: flood(b"y\n" * 32768), "/binary": lambda: flood(os.urandom(65536)), "/leavings": leavings,
    "/fill": lambda: fill(60), "/write": lambda: fill(1), "/empty": empty, "/exit": lambda: os._exit(7),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        said = DEEDS.get(self.path, lambda: None)()
        body = (said or f"page {os.getpid()}").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("begins", sys.version.split()[0], flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
