"""Sweeps whose trials are in a database: SQLite, and a PostgreSQL that the test starts."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.sweep.watch import CPUS, again, check, ended, line, processes, run, started

PASSWORD = "geheim:7/@!"  # with signs that a URL must escape


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL, and the folder of its commands."""

    port: int
    binaries: Path

    def database(self) -> str:
        """The name of a new one."""
        name = f"sweeps_{time.time_ns()}"
        argv = [
            str(self.binaries / "createdb"),
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "postgres",
            name,
        ]
        subprocess.run(argv, env={**os.environ, "PGPASSWORD": PASSWORD}, check=True)
        return name

    def url(self, database: str, password: str = f":{quote(PASSWORD, safe='')}") -> str:
        return f"postgresql://postgres{password}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A PostgreSQL of Debian's on loopback, which asks for a password."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or os.geteuid() != 0:
        said = f"No PostgreSQL was started: {'needs root' if found else 'not installed'}."
        if os.environ.get("PELLUCID_POSTGRES") == "required":
            pytest.fail(said)
        pytest.skip(f"{said} apt-get install postgresql")
    user = pwd.getpwnam("postgres")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder, binaries = Path(name), found[-1].parent
        (folder / "password").write_text(PASSWORD)
        for path in (folder, folder / "password"):
            os.chown(path, user.pw_uid, user.pw_gid)
        options: dict[str, Any] = {
            "user": user.pw_uid,
            "group": user.pw_gid,
            "extra_groups": [],
            "cwd": folder,
        }
        data = folder / "data"
        made = subprocess.run(
            [found[-1], "-D", data, "-A", "scram-sha-256", f"--pwfile={folder / 'password'}", "-N"],
            capture_output=True,
            text=True,
            **options,
        )
        assert made.returncode == 0, made.stderr
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1", "-F"],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C of the tests is not its own
                **options,
            )
        try:
            end = time.monotonic() + 60
            ready = [str(binaries / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
            while subprocess.run(ready, check=False).returncode != 0:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < end, (folder / "log").read_text()
                time.sleep(0.1)
            yield Server(port=port, binaries=binaries)
        finally:
            process.send_signal(signal.SIGINT)  # it waits for nobody
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty storage."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'x.db'}"
    server: Server = request.getfixturevalue("server")
    return server.url(server.database())


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def hides_the_password(text: str) -> bool:
    return PASSWORD not in text and quote(PASSWORD, safe="") not in text


@pytest.mark.slow
def test_two_processes_share_a_storage(tmp_path: Path, storage: str) -> None:
    """It is continued later; a sweep of the same name elsewhere is another one."""
    argv = line(tmp_path, f"sweep.storage={storage}", meet=2)
    with started(tmp_path, *argv, "sweep.trials=4") as one, started(tmp_path, *argv, "sweep.trials=4") as two:
        said = ended(one) + ended(two)
    check(tmp_path, 4, threads=CPUS)
    assert again(tmp_path, 4) == {}
    assert len(processes(tmp_path)) == 2
    home = tmp_path / "outputs" / "sweeps" / "name"
    assert not (home / "journal.log").exists()
    said += run(tmp_path, *argv, "sweep.trials=6")
    check(tmp_path, 6, threads=CPUS)
    assert again(tmp_path, 6) == {}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    refused = run(elsewhere, *argv, "sweep.trials=6", code=2)
    assert "another sweep" in refused
    assert list(elsewhere.iterdir()) == []
    assert again(tmp_path, 6) == {}
    assert hides_the_password(said + refused)
    for path in home.rglob("*"):
        assert path.is_dir() or hides_the_password(path.read_bytes().decode(errors="replace")), path


@pytest.mark.slow
def test_a_password_in_a_file_of_the_users(tmp_path: Path, server: Server) -> None:
    """Also a launcher's jobs find it there, whose folder would keep one of the URL."""
    passwords = tmp_path / "passwords"
    passwords.write_text(f"127.0.0.1:{server.port}:*:postgres:{PASSWORD.replace(':', chr(92) + ':')}\n")
    passwords.chmod(0o600)
    argv = line(
        tmp_path,
        f"sweep.storage={server.url(server.database(), password='')}",
        "sweep.trials=2",
        "sweep.workers=1",
        "hydra/launcher=submitit_local",
    )
    run(tmp_path, *argv, env={"PGPASSFILE": str(passwords)})
    check(tmp_path, 2)
    assert list((tmp_path / "outputs" / "sweeps" / "name" / ".submitit").iterdir())
    for path in (tmp_path / "outputs").rglob("*"):
        assert path.is_dir() or hides_the_password(path.read_bytes().decode(errors="replace")), path


@pytest.mark.slow
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:{password}@127.0.0.1:{port}/sweeps",
        "postgresql://someone:{password}@127.0.0.1:{silent}/sweeps",
        "sqlite:////there/is/no/such/folder/x.db",
        "nosuchdatabase://someone:{password}@127.0.0.1/x",
        "journal.log",
    ],
)
def test_a_storage_that_cannot_be_reached(tmp_path: Path, url: str) -> None:
    """A free port, a server that never answers, no folder, no driver, no URL."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        parts = {"port": free_port(), "silent": silent.getsockname()[1], "password": quote(PASSWORD, safe="")}
        argv = line(tmp_path, "sweep.trials=2", "sweep.storage=" + url.format(**parts))
        start = time.monotonic()
        said = run(tmp_path, *argv, code=2)
        assert time.monotonic() - start < 45
    assert "sweep.storage" in said
    assert all(text.startswith(("error: ", "  ")) for text in said.splitlines()), said
    assert len(said) < 1000
    assert hides_the_password(said)
    assert list(tmp_path.iterdir()) == []
