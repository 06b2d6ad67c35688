# SPDX-License-Identifier: GPL-2.0-only
"""QMP for synchronous callers: ``qemu.qmp`` on an event loop in a thread of its own, everything logged.

Every command, answer and event goes to ``qmp.jsonl`` with its time (seconds since the connection).
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from qemu.qmp import ExecuteError, QMPClient, QMPError

from testbed.errors import QmpLost

__all__ = ["Qmp"]

T = TypeVar("T")


class Qmp:
    """One monitor connection. Commands block; events are collected as they come."""

    def __init__(self, log: Path) -> None:
        self._began = time.monotonic()
        self._log = log.open("a", encoding="utf-8", buffering=1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="qmp", daemon=True)
        self._thread.start()
        self._client: QMPClient | None = None
        self._listener: asyncio.Task[None] | None = None
        self._events: list[dict[str, Any]] = []

    def connect(self, sock: socket.socket, timeout_s: float) -> None:
        """Take over a connected socket; QmpLost when the monitor does not greet in time."""
        sock.setblocking(False)
        self._call(self._connect(sock), timeout_s)

    async def _connect(self, sock: socket.socket) -> None:
        client = QMPClient("testbed")
        await client.connect(sock)
        self._client = client
        self._listener = asyncio.create_task(self._listen(client))

    async def _listen(self, client: QMPClient) -> None:
        async for event in client.events:
            record = dict(event)
            self._events.append(record)
            self._note({"event": record})

    async def _disconnect(self, client: QMPClient) -> None:
        if self._listener is not None:
            self._listener.cancel()
        await client.disconnect()

    def execute(self, command: str, arguments: Mapping[str, object] | None = None, timeout_s: float = 10) -> Any:
        """Run a command and give its ``return`` value; QmpLost on an error answer or silence."""
        client = self._client
        if client is None:
            raise QmpLost(f"QMP {command}: not connected")
        self._note({"execute": command, "arguments": dict(arguments or {})})
        answer = self._call(client.execute(command, arguments), timeout_s, command)
        self._note({"return": answer})
        return answer

    def event(self, name: str) -> dict[str, Any] | None:
        """Give the first event of that name that has come so far."""
        return next((event for event in self._events if event.get("event") == name), None)

    def close(self) -> None:
        """Disconnect and end the thread; never raises for a monitor that is gone already."""
        try:
            if self._client is not None:
                self._call(self._disconnect(self._client), 2)
        except QmpLost as lost:
            self._note({"close": str(lost)})
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self._loop.close()
        self._log.close()

    def _call(self, work: Coroutine[Any, Any, T], timeout_s: float, what: str = "connection") -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise QmpLost(f"QMP {what}: no answer for {timeout_s:g} s") from None
        except (QMPError, ExecuteError, OSError, EOFError) as error:
            raise QmpLost(f"QMP {what}: {error}") from error

    def _note(self, entry: dict[str, Any]) -> None:
        self._log.write(json.dumps({"t": round(time.monotonic() - self._began, 4), **entry}, default=str) + "\n")
