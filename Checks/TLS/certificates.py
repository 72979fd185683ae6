"""Certificates made with openssl: a root, an intermediate and servers' certificates that it signs."""
import os
import subprocess
from pathlib import Path

HOST = "chat.example"
NAMES = f"subjectAltName=DNS:{HOST},IP:127.0.0.1"
# Every file is padded to this size, so that one can take another's place without a visible change.
SIZE = 4096


class Authority:
    """A root whose intermediate signs servers' certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "request.cnf").write_text("[req]\ndistinguished_name = name\n[name]\n")
        self.root = self._sign("root", "CA:TRUE", [])
        self.intermediate = self._sign("intermediate", "CA:TRUE", self._by("root"))
        self.count = 0

    def _by(self, signer: str) -> list[str]:
        return ["-CA", f"{self.folder}/{signer}.pem", "-CAkey", f"{self.folder}/{signer}.key"]

    def _sign(self, name: str, constraints: str, signer: list[str], *options: str, days: int = 30) -> Path:
        certificate = self.folder / f"{name}.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-config", self.folder / "request.cnf", "-newkey", "ec",
             "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days), "-subj", f"/CN={name}",
             "-addext", f"basicConstraints=critical,{constraints}", *signer, *options,
             "-keyout", self.folder / f"{name}.key", "-out", certificate],
            check=True, capture_output=True,
        )
        return certificate

    def server(self, days: int = 30) -> "Pair":
        """A new certificate with the chain to the root, and its key."""
        self.count += 1
        name = f"server{self.count}"
        leaf = self._sign(name, "CA:FALSE", self._by("intermediate"), "-addext", NAMES, days=days)
        chain = leaf.read_text() + self.intermediate.read_text()
        return Pair(name, chain.ljust(SIZE, "\n"), leaf.with_suffix(".key").read_text().ljust(SIZE, "\n"))


class Pair:
    """A certificate chain and its key as texts; `name` is the common name."""

    def __init__(self, name: str, chain: str, key: str) -> None:
        self.name, self.chain, self.key = name, chain, key

    def install(self, certificate: Path, key: Path) -> None:
        """Replaces files as a tool for certificates does, one after the other."""
        for path, text in ((certificate, self.chain), (key, self.key)):
            new = path.with_suffix(".new")
            new.write_text(text)
            new.replace(path)

    def overwrite(self, certificate: Path, key: Path) -> None:
        """Changes the contents of the files, but neither their inodes, sizes nor times."""
        for path, text in ((certificate, self.chain), (key, self.key)):
            status = path.stat()
            with path.open("r+") as file:
                file.write(text)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
