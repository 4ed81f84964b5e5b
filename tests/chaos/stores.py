"""Installations for chaos runs outside pytest: SQLite folders, a database on the PostgreSQL that runs, servers of one's own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from flask_migrate import upgrade

from dashboard import create_app
from tasks.extensions import db
from tests.chaos.processes import answers, free_port, until
from tests.chaos.run import Store

SECRET = "a-test-secret-of-32-bytes-or-more"
POSTGRES = os.environ.get("CARILLON_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
REDIS = os.environ.get("CARILLON_TEST_REDIS", "redis://127.0.0.1:6379")


class Absent(Exception):
    """Something that a scenario needs is not on this machine; the text says what."""


def migrate(settings: dict[str, object]) -> None:
    """Bring a database up to date."""
    app = create_app(**settings)
    with app.app_context():
        upgrade()
        db.session.remove()
        db.engine.dispose()


def sqlite(folder: Path, migrated: Path | None = None) -> Store:
    """A fresh embedded installation in `folder`; `migrated`: an empty database to start from."""
    home = folder / "home"
    home.mkdir(parents=True)
    settings: dict[str, object] = {"home": home, "secret_key": SECRET}
    if migrated:
        shutil.copy(migrated, home / "carillon.db")
    else:
        migrate(settings)
    return Store("SQLite", settings)


@contextmanager
def postgres(folder: Path, redis_url: str = f"{REDIS}/14") -> Iterator[Store]:
    """A database of its own on the PostgreSQL that runs, with Redis queues."""
    name = f"carillon_chaos_{os.getpid()}"
    try:
        connection = psycopg.connect(f"{POSTGRES}/postgres", autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        raise Absent(f"no PostgreSQL: {error}") from None
    with connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield at_scale(folder, f"{POSTGRES}/{name}", redis_url)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def at_scale(folder: Path, database_url: str, redis_url: str, *, migrated: bool = False) -> Store:
    """An installation on PostgreSQL and Redis."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    settings: dict[str, object] = {
        "home": home, "secret_key": SECRET, "database_url": database_url, "queue_url": redis_url, "message_queue_url": redis_url,
    }
    if not migrated:
        migrate(settings)
    return Store("PostgreSQL + Redis", settings)


class Cluster:
    """A private PostgreSQL that may be restarted at will. Raises Absent where none can be made."""

    def __init__(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        found = shutil.which("pg_ctl", path=os.pathsep.join([*map(str, programs), os.environ.get("PATH", "")]))
        if not found:
            raise Absent("pg_ctl is not installed")
        self._programs = Path(found).resolve().parent
        self._user = self._unprivileged()
        # Not below a test's own folder: another user could not walk there.
        self._data, self.port = Path(tempfile.mkdtemp(prefix="carillon-cluster-")), free_port()
        if self._user:
            shutil.chown(self._data, self._user)
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "postgres", "--no-sync")

    @staticmethod
    def _unprivileged() -> str | None:
        if os.getuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name).pw_name
            except KeyError:
                continue
        raise Absent("PostgreSQL refuses root, and there is no user postgres or nobody")

    def _run(self, program: str, *arguments: str) -> None:
        group = pwd.getpwnam(self._user).pw_gid if self._user else None
        done = subprocess.run(
            [str(self._programs / program), *arguments], user=self._user, group=group, extra_groups=[] if self._user else None,
            capture_output=True, text=True, timeout=60, cwd="/", stdin=subprocess.DEVNULL, check=False,
        )
        if done.returncode:
            raise Absent(f"{program}: {done.stderr.strip() or done.stdout.strip()}")

    def __enter__(self) -> "Cluster":
        self._control("start")
        return self

    def __exit__(self, *_error: object) -> None:
        self._control("stop")
        shutil.rmtree(self._data, ignore_errors=True)

    @property
    def url(self) -> str:
        """Its one database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        """End it as a crash would: no goodbye to anybody."""
        self._control("stop")

    def start(self) -> None:
        """Start it, with the recovery that a crash needs."""
        self._control("start")

    def _control(self, action: str) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k '' -c fsync=off -c max_connections=200"
        how = ["-o", options, "-l", str(self._data / "log")] if action == "start" else ["-m", "immediate"]
        self._run("pg_ctl", action, "-w", "-D", str(self._data), *how)


class Redis:
    """A private redis-server that may be killed and flushed. Raises Absent where there is none to be started."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("redis-server")
        if not found:
            raise Absent("redis-server is not installed")
        self._program, self._folder, self.port = found, folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Redis":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty."""
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        until(lambda: answers(self.port), 20)

    def kill(self) -> None:
        """SIGKILL: everything that it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def flush(self) -> None:
        """Forget everything."""
        subprocess.run(["redis-cli", "-p", str(self.port), "FLUSHALL"], check=True, capture_output=True, timeout=10)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of a few megabytes. Raises Absent where mounting is not allowed."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Absent(f"no small file system can be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily, should somebody still hold a file: it is gone from the tree at once, and for good when that one ends.
        if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=True)
