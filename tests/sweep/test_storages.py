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
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.sweep.watch import CPUS, again, check, ended, line, processes, run, started

PASSWORD = "geheim:7/@!"  # with signs that a URL must escape


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL, but for the database, of a PostgreSQL of Debian's on loopback, which asks for a password."""
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
        options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": folder}
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
            ready = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
            while subprocess.run(ready, check=False).returncode != 0:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < end, (folder / "log").read_text()
                time.sleep(0.1)
            yield f"postgresql://postgres:{quote(PASSWORD, safe='')}@127.0.0.1:{port}"
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
    import psycopg2

    url: str = request.getfixturevalue("server")
    with closing(psycopg2.connect(f"{url}/postgres")) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {(database := f'sweep_{time.time_ns()}')}")
    return f"{url}/{database}"


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


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:{password}@127.0.0.1:{port}/sweeps",
        pytest.param("postgresql://someone:{password}@127.0.0.1:{silent}/sweeps", marks=pytest.mark.slow),
        pytest.param("sqlite:////there/is/no/such/folder/x.db", marks=pytest.mark.slow),
        pytest.param("nosuchdatabase://someone:{password}@127.0.0.1/x", marks=pytest.mark.slow),
        pytest.param("journal.log", marks=pytest.mark.slow),
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
    assert all(text.startswith("error: ") for text in said.splitlines()), said
    assert len(said) < 1000
    assert hides_the_password(said)
    assert list(tmp_path.iterdir()) == []
