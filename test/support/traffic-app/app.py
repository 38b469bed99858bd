"""Speaks whatever a visitor can ask of an app, on one port and with the standard library alone.

Every answer says which release made it. What is posted is written down by its id in a volume that all releases share, so
that a visitor can ask how often it arrived.
"""
import asyncio
import base64
import hashlib
import os

PORT = int(os.environ["PORT"])
HOST = os.environ.get("HOST", "127.0.0.1")
WHO = (
    f"x-app-release: {os.environ.get('LOCKSTEP_RELEASE', 'none')}\r\n"
    f"x-app-commit: {os.environ.get('GIT_REV', 'none')}\r\n"
)
SEEN = os.path.join(os.environ.get("LOCKSTEP_VOLUME_SEEN", "."), "seen")
PIECE = 65536


class Request:
    def __init__(self, head, reader):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, target, _ = first.split(" ")
        self.path, _, query = target.partition("?")
        self.query = dict(
            pair.split("=", 1) for pair in query.split("&") if pair
        )
        self.headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.left = int(self.headers.get("content-length", "0"))
        self.reader = reader

    async def pieces(self):
        while self.left > 0:
            piece = await self.reader.read(min(PIECE, self.left))
            if not piece:
                raise ConnectionError("the body ended early")
            self.left -= len(piece)
            yield piece

    async def body(self):
        return b"".join([piece async for piece in self.pieces()])


def head(length, kind="text/plain"):
    return (
        f"HTTP/1.1 200 OK\r\n{WHO}content-type: {kind}\r\n"
        f"content-length: {length}\r\n\r\n"
    ).encode()


async def page(request, writer):
    await request.body()
    await asyncio.sleep(int(request.query.get("ms", "0")) / 1000)
    writer.write(head(3) + b"ok\n")


async def post(request, writer):
    body = await request.body()
    line = os.open(SEEN, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(line, (request.query["id"] + "\n").encode())
    os.close(line)
    writer.write(head(len(body)) + body)


async def seen(request, writer):
    text = b""
    if os.path.exists(SEEN):
        with open(SEEN, "rb") as file:
            text = file.read()
    writer.write(head(len(text)) + text)


async def upload(request, writer):
    digest = hashlib.sha256()
    async for piece in request.pieces():
        digest.update(piece)
    text = digest.hexdigest().encode()
    writer.write(head(len(text)) + text)


async def download(request, writer):
    size = int(request.query["bytes"])
    piece = hashlib.sha256(request.query["seed"].encode()).digest() * 2048
    writer.write(head(size, "application/octet-stream"))
    for start in range(0, size, len(piece)):
        writer.write(piece[:size - start])
        await writer.drain()


async def events(request, writer):
    writer.write((
        f"HTTP/1.1 200 OK\r\n{WHO}content-type: text/event-stream\r\n"
        "transfer-encoding: chunked\r\n\r\n"
    ).encode())
    number = 0
    while True:
        event = f"data: {number}\n\n"
        writer.write(f"{len(event):x}\r\n{event}\r\n".encode())
        await writer.drain()
        number += 1
        await asyncio.sleep(0.1)


async def socket(request, writer):
    salt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    key = (request.headers["sec-websocket-key"] + salt).encode()
    accept = base64.b64encode(hashlib.sha1(key).digest()).decode()
    writer.write((
        f"HTTP/1.1 101 Switching Protocols\r\n{WHO}connection: upgrade\r\n"
        f"upgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    ).encode())
    read = request.reader.readexactly
    while True:
        kind, length = await read(2)
        mask = await read(4)
        text = bytes(
            byte ^ mask[at % 4]
            for at, byte in enumerate(await read(length & 127))
        )
        writer.write(bytes([kind, len(text)]) + text)
        await writer.drain()
        if kind & 15 == 8:
            raise ConnectionError("the visitor has closed")


PATHS = {
    "/post": post,
    "/seen": seen,
    "/upload": upload,
    "/download": download,
    "/events": events,
    "/socket": socket,
}


async def serve(reader, writer):
    try:
        while True:
            request = Request(
                (await reader.readuntil(b"\r\n\r\n"))[:-4], reader
            )
            await PATHS.get(request.path, page)(request, writer)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, HOST, PORT, backlog=512)
    await server.serve_forever()


asyncio.run(main())
