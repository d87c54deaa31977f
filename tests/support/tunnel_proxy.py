"""Proxies that make tunnels, for one kind each: HTTP CONNECT, the same behind TLS, SOCKS5.

    with TunnelProxy("socks5", user=("me", "secret")) as proxy:
        ... proxy.url ...                   # without the user
        proxy.targets == ["localhost:8883"]
        proxy.refuse = b"HTTP/1.1 403 no\r\n\r\n"     # (or a SOCKS5 reply) instead of a tunnel"""
import base64
import contextlib
import socket
import ssl
import threading


class TunnelProxy:
    def __init__(self, kind, user=None, tls=None):
        """tls: (certificate, key) of an https proxy."""
        self.kind, self.user, self.refuse, self.targets, self.open = kind, user, None, [], []
        self.lock = threading.Lock()
        self.ports = {}  # other ports to connect to than those asked for
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"{kind}://localhost:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def cut(self):
        """Ends all tunnels."""
        with self.lock:
            for s in self.open:
                with contextlib.suppress(OSError):
                    s.shutdown(socket.SHUT_RDWR)
            self.open = []

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError, EOFError, ValueError):
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            target = self._socks(client) if self.kind == "socks5" else self._connect(client)
            if not target:
                client.close()
                return
            self.targets.append(target)
            host, _, port = target.rpartition(":")
            server = socket.create_connection((host, self.ports.get(int(port), int(port))))
            with self.lock:
                self.open += [client, server]
            client.sendall(b"\5\0\0\1\0\0\0\0\0\0" if self.kind == "socks5" else b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n")
            threading.Thread(target=self._copy, args=(server, client), daemon=True).start()
            self._copy(client, server)

    @staticmethod
    def _copy(a, b):
        with contextlib.suppress(OSError, ValueError):
            while data := a.recv(65536):
                b.sendall(data)
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _exactly(client, n):
        data = b""
        while len(data) < n:
            more = client.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def _connect(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._exactly(client, 1)
        lines = head.decode().split("\r\n")
        want = "Proxy-Authorization: Basic " + base64.b64encode(":".join(self.user).encode()).decode() if self.user else None
        if self.refuse or (want and want not in lines):
            client.sendall(self.refuse or b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return None
        method, target, _ = lines[0].split(" ")
        return target if method == "CONNECT" else None

    def _socks(self, client):
        methods = self._exactly(client, self._exactly(client, 2)[1])
        if self.user and 2 not in methods:
            client.sendall(b"\5\xff")
            return None
        client.sendall(b"\5\2" if self.user else b"\5\0")
        if self.user:
            name = self._exactly(client, self._exactly(client, 2)[1]).decode()
            password = self._exactly(client, self._exactly(client, 1)[0]).decode()
            client.sendall(b"\1\0" if (name, password) == self.user else b"\1\1")
            if (name, password) != self.user:
                return None
        kind = self._exactly(client, 4)[3]
        if kind == 3:
            host = self._exactly(client, self._exactly(client, 1)[0]).decode()
        else:
            host = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, self._exactly(client, 4 if kind == 1 else 16))
        port = int.from_bytes(self._exactly(client, 2), "big")
        if self.refuse:
            client.sendall(self.refuse)
            return None
        return f"{host}:{port}"
