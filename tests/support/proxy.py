"""TCP proxy on loopback that misbehaves on request: cuts a connection after so many bytes, answers with an error first."""
import socket
import threading


class CuttingProxy:
    """with CuttingProxy(port) as p: p.cuts = [100000, 5000]; ... p.port ...

    Each connection to it takes the next number of `cuts`: after so many bytes from the server both sides are reset.
    When the list is empty, connections are left alone. `requests` holds the first bytes of each connection.
    p.cut_all(refuse=True) cuts what there is, and each new connection until p.refuse = False."""

    def __init__(self, target_port):
        self.target = ("127.0.0.1", target_port)
        self.cuts, self.requests = [], []
        self.refuse, self.open, self.lock = False, [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)  # ends the accept
        self.listener.close()

    def cut_all(self, refuse=False):
        with self.lock:
            self.refuse = refuse
            for s in self.open:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:  # it has ended already
                    pass
            self.open.clear()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refuse:
                client.close()
                continue
            limit = self.cuts.pop(0) if self.cuts else None
            threading.Thread(target=self._serve, args=(client, limit), daemon=True).start()

    def _connect(self, client):
        """The other side; None when there is none, or the connection is not wanted any more."""
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return None
        with self.lock:
            if not self.refuse:
                self.open += [client, server]
                return server
        client.close()
        server.close()
        return None

    def _serve(self, client, limit):
        server = self._connect(client)
        if not server:
            return
        threading.Thread(target=self._up, args=(client, server), daemon=True).start()
        left = limit
        try:
            while left is None or left > 0:
                data = server.recv(65536 if left is None else min(65536, left))
                if not data:
                    break
                client.sendall(data)
                left = None if left is None else left - len(data)
        except OSError:
            pass
        for s in (client, server):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def _up(self, client, server):
        first = True
        try:
            while data := client.recv(65536):
                if first:
                    self.requests.append(data.decode("latin-1"))
                    first = False
                server.sendall(data)
        except OSError:
            pass
