#!/usr/bin/env python3
"""Unpacks the archive of Scripts/dist onto the otherwise empty root file system of the server's image, and uses it.

    Scripts/with-postgres python3 -m Checks.Containers.archive

Scripts/image-root makes the root file system, as for the image, but from this machine's libraries, without Swift's.
Needs root, since it changes the root folder and the user. Ends with a line `N passed, M failed`.
"""
import contextlib
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from Checks.Support.cluster import create_database, url
from Checks.Support.server import Server, exchange

SECONDS = 20
USER = 10001
IMAGE_MEGABYTES = 120
RESIDENT_MEBIBYTES = 45
# The packages that the image and the archive's README name; the rest are their dependencies.
SYSTEM_LIBRARIES = {"libcurl4", "libpq5", "libsqlite3-0"}
PROGRAM = "/usr/local/bin/chat-api"
# Replaces its own process, so that signals reach the program.
CHANGE_ROOT = 'mount --bind /proc "$0/proc" && exec chroot --userspec="$1:$1" "$0" "${@:2}"'


class Root:
    """The archive, unpacked into /usr/local of its own root file system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        archive, = Path(".build/dist").glob("chat-api-*.tar.gz")
        unpacked = folder / "usr" / "local"
        unpacked.mkdir(parents=True)
        subprocess.run(["tar", "-xzf", archive, "-C", unpacked, "--strip-components=1"], check=True)
        subprocess.run(["Scripts/image-root", folder, folder / PROGRAM[1:]], check=True)
        (folder / "proc").mkdir()

    def command(self, *arguments: str) -> list[str]:
        return ["unshare", "--mount", "bash", "-c", CHANGE_ROOT, str(self.folder), str(USER), PROGRAM, *arguments]

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=SECONDS, env=self.environment(variables),
        )

    @contextlib.contextmanager
    def serve(self, database: str) -> Iterator[Server]:
        server = Server(*self.command("serve", "--port=0"), environment={"DATABASE_URL": database, "CHAT_MIGRATE": "true"})
        try:
            yield server
        finally:
            status = server.stop()
        assert status == 0, f"the server ended with status {status}: {''.join(server.last_lines)}"

    @staticmethod
    def environment(variables: dict[str, str]) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], **variables}


def get(server: Server, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    connection.request("GET", path, headers={"Connection": "close"})
    response = connection.getresponse()
    return response.status, response.read()


def post_a_message(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    _, _, chat = exchange(connection, "POST", "/chats/", {"title": "Archive"})
    status, _, message = exchange(connection, "POST", f"/chats/{chat['id']}/messages/", {"text": "Hello!"})
    assert (status, message["seq"]) == (201, 1), message


def it_needs_no_libraries_but_those_of_libcurl_libpq_and_sqlite(root: Root) -> None:
    needed = subprocess.run(["objdump", "-p", root.folder / PROGRAM[1:]], capture_output=True, text=True, check=True)
    libraries = {line.split()[1].split(".so")[0] for line in needed.stdout.splitlines() if "NEEDED" in line}
    # libcurl4 depends on zlib.
    system = {"libc", "libgcc_s", "libm", "libstdc++", "libz", "ld-linux-x86-64", "ld-linux-aarch64"}
    assert libraries - system == {"libcurl", "libpq", "libsqlite3"}, libraries
    assert SYSTEM_LIBRARIES <= {path.name for path in (root.folder / "var/lib/dpkg/status.d").iterdir()}


def the_image_is_small(root: Root) -> None:
    size = sum(path.lstat().st_size for path in root.folder.rglob("*") if not path.is_dir()) / 1e6
    print(f"  the image has {size:.0f} MB")
    assert size <= IMAGE_MEGABYTES, f"{size:.0f} MB"


def it_serves_its_api_and_its_documentation_without_a_cdn(root: Root) -> None:
    with root.serve("sqlite:////data/chat.db") as server:
        post_a_message(server)
        for page in ("/docs", "/redoc"):
            status, html = get(server, page)
            assert status == 200 and b"cdn.jsdelivr.net" not in html, f"{page} needs a CDN"
        for file in (root.folder / "usr/local/share/chat-api/docs").glob("*.[jcp][sn]*"):
            assert get(server, f"/docs/assets/{file.name}") == (200, file.read_bytes()), file
        healthy = root.run("healthcheck", CHAT_PORT=str(server.port))
        assert (healthy.returncode, healthy.stdout) == (0, "ready\n"), healthy.stderr


def it_is_small_in_memory_at_rest(root: Root) -> None:
    with root.serve(url(create_database("archive"))) as server:
        assert get(server, "/health/ready")[0] == 200
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        resident, = (int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:"))
        print(f"  resident at rest: {resident:.1f} MiB")
        assert resident <= RESIDENT_MEBIBYTES, f"{resident:.1f} MiB"


def it_verifies_the_certificate_of_postgresql(root: Root) -> None:
    shutil.copy(os.environ["TEST_POSTGRES_CA"], root.folder / "ca.pem")
    shutil.copy(os.environ["TEST_POSTGRES_OTHER_CA"], root.folder / "other-ca.pem")
    (root.folder / "ca.pem").chmod(0o644)
    (root.folder / "other-ca.pem").chmod(0o644)
    database = f"{url(create_database('archive'))}?sslmode=verify-full&sslrootcert="
    with root.serve(f"{database}/ca.pem") as server:
        post_a_message(server)
    refused = root.run("migrate", "current", DATABASE_URL=f"{database}/other-ca.pem")
    assert refused.returncode != 0 and "certificate" in refused.stderr, refused.stderr


def a_volume_of_another_owner_is_named_with_the_user_id(root: Root) -> None:
    volume = root.folder / "volume"
    volume.mkdir()
    database = {"DATABASE_URL": "sqlite:////volume/chat.db"}

    def error() -> str:
        outcome = root.run("serve", "--port=0", **database)
        assert outcome.returncode != 0, "it starts"
        lines = outcome.stderr.splitlines()
        assert len(lines) == 1 and f"user id {USER}" in lines[0], outcome.stderr
        return lines[0]

    assert "may not write to /volume, which belongs to user id 0" in error()
    # As after a run as root: the files exist, and only then does the folder become the user's.
    os.chown(volume, USER, USER)
    for name in ("chat.db", "chat.db-wal", "chat.db-shm"):
        (volume / name).touch(mode=0o600)
        assert f"may not write to /volume/{name}, which belongs to user id 0" in error()
        os.chown(volume / name, USER, USER)


def main() -> int:
    checks = [
        it_needs_no_libraries_but_those_of_libcurl_libpq_and_sqlite, the_image_is_small,
        it_serves_its_api_and_its_documentation_without_a_cdn, it_is_small_in_memory_at_rest,
        it_verifies_the_certificate_of_postgresql, a_volume_of_another_owner_is_named_with_the_user_id,
    ]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        root = Root(Path(folder) / "root")
        for check in checks:
            try:
                check(root)
            except Exception as error:
                failed += 1
                print(f"FAILED   {check.__name__}: {type(error).__name__}: {error}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
