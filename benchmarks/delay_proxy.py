"""A line that is so many milliseconds long, there and back: `python delay_proxy.py PORT ROUND_TRIP_MS`.

Prints its own port. What arrives is passed on half a round trip later, in its order and however much it is; a
connection costs one round trip before anything passes, as TCP's handshake does.
"""

import asyncio
import contextlib
import socket
import sys

PIECE = 262_144


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Pass on what comes, each piece a delay after it came."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(max(due - loop.time(), 0))
            if not piece:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    piece = b"-"
    while piece:
        try:
            piece = await reader.read(PIECE)
        except OSError:  # one side is gone: the other is told by the end
            piece = b""
        pieces.put_nowait((loop.time() + delay_s, piece))
    with contextlib.suppress(OSError):
        await delivery


async def main() -> None:
    port, round_trip_s = int(sys.argv[1]), float(sys.argv[2]) / 1000

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.sleep(round_trip_s)
        there, back = await asyncio.open_connection("127.0.0.1", port, limit=PIECE)
        back.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(pump(reader, back, round_trip_s / 2), pump(there, writer, round_trip_s / 2))
        for one in (writer, back):
            one.close()
            with contextlib.suppress(OSError):
                await one.wait_closed()

    server = await asyncio.start_server(relay, "127.0.0.1", 0, limit=PIECE, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
