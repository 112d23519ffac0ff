# SPDX-License-Identifier: Apache-2.0
"""A wire to a server that counts what goes over it.

Connections are handed on as they are, byte for byte: signatures hold, because
the client signs the name that it knows the wire by.
"""

import socket
import threading


class Wire:
    def __init__(self, port: int):
        self.target = port
        self.down_bytes = 0  # from the server
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listener.close()

    def take_down_bytes(self) -> int:
        """Bytes from the server since the last call."""
        with self._lock:
            taken, self.down_bytes = self.down_bytes, 0
            return taken

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            for source, sink, counted in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._carry, args=(source, sink, counted),
                                 daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if counted:
                    with self._lock:
                        self.down_bytes += len(data)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
