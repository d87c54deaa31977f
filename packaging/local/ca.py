"""A small certificate authority on the openssl program: device CA, server certificates, device certificates, CRL."""
import os
import secrets
import re
import subprocess

from .process import LocalError, find_program

RESERVED = ("fleet-service",)
CRL_CONF = """\
[ca]
default_ca = local
[local]
database = {folder}/index.txt
crlnumber = {folder}/crlnumber
default_md = sha256
default_crl_days = 7300
"""


class CA:
    """ca = CA(folder); cert, key = ca.server("localhost", "127.0.0.1"); cert, key = ca.device("cam-1")"""

    def __init__(self, folder, name="fleet device CA"):
        self.folder = os.path.abspath(folder)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self.cert, self.key = self._path("ca.crt"), self._path("ca.key")
        if not os.path.exists(self.cert):
            self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                          "7300", "-keyout", self.key, "-out", self.cert, "-subj", f"/CN={name}")

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _openssl(self, *args, stdin=None):
        done = subprocess.run([find_program("openssl"), *args], capture_output=True, text=True, input=stdin)
        if done.returncode != 0:
            raise LocalError(f"openssl {args[0]}: {done.stderr.strip()}")
        return done.stdout

    def _sign(self, name, extensions, days):
        cert, key, csr, ext = (self._path(f"{name}.{end}") for end in ("crt", "key", "csr", "ext"))
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                      csr, "-subj", f"/CN={name}")
        with open(ext, "w") as f:
            f.write(extensions)
        self._openssl("x509", "-req", "-in", csr, "-CA", self.cert, "-CAkey", self.key, "-set_serial", f"0x{secrets.token_hex(16)}", "-days",
                      str(days), "-extfile", ext, "-out", cert)
        os.remove(csr)
        os.remove(ext)
        return cert, key

    def server(self, *names, days=3650):
        """Certificate and key of a server with these host names and addresses; the first names the files."""
        def entry(n):
            return f"IP:{n}" if re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*", n) else f"DNS:{n}"
        return self._sign(names[0], "subjectAltName=" + ",".join(map(entry, names)) +
                          "\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n", days)

    def device(self, name, days=3650):
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) or name in RESERVED:
            raise LocalError(f"\"{name}\" is no name for a device: expected 1 to 64 of A-Z a-z 0-9 _ -")
        return self._sign(name, "extendedKeyUsage=clientAuth\nbasicConstraints=CA:FALSE\n", days)

    def _ca(self, *args):
        conf = self._path("crl.cnf")
        with open(conf, "w") as f:
            f.write(CRL_CONF.format(folder=self.folder))
        for name, text in (("index.txt", ""), ("crlnumber", "01\n")):
            if not os.path.exists(self._path(name)):
                with open(self._path(name), "w") as f:
                    f.write(text)
        self._openssl("ca", "-config", conf, "-cert", self.cert, "-keyfile", self.key, *args)

    def crl(self):
        """Writes the list of revoked certificates and returns its path. An expired list would lock out everybody."""
        self._ca("-gencrl", "-out", self._path("ca.crl"))
        return self._path("ca.crl")

    def revoke(self, cert):
        self._ca("-revoke", cert)
        return self.crl()
