"""Answer a trigger without doing anything: the rival of B1.

A bare Starlette route with orjson on the same uvicorn settings as the product.
"""

from __future__ import annotations

import socket
import sys

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def echo(request: Request) -> Response:
    """Parse the body and answer in the shape of an acknowledgement."""
    body = orjson.loads(await request.body())
    answer = {"workflow_run_id": body["recipients"][0]}
    return Response(orjson.dumps(answer), media_type="application/json")


def main() -> None:
    """Serve on any port; prints `ready http://HOST:PORT`."""
    app = Starlette(routes=[Route("/v1/workflows/{key}/trigger", echo, methods=["POST"])])
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    sys.stdout.write(f"ready http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", access_log=False, log_level="warning",
        server_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
