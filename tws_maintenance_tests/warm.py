"""Processes of Python that need not import Dagster and pandas: forks of one that has.

Starting `python -m tws_maintenance` costs two seconds of processor time before its first own line
runs, and the suite starts it hundreds of times. While `use` is in force, `subprocess.Popen` has
every `python -m ...` and `python -c ...` forked from one warm process of the whole session. The
fork is a real process: it has its own pid, environment, streams, folder, session and signals, it
can be killed, and what it starts in turn is forked as well, also by multiprocessing's "spawn", as
Dagster starts a run of its UI, its schedules and its sensors; where it replaces itself with another
Python, it becomes that one. What differs: it is no child of the caller in the system's table, and
modules are imported already. Where that is the subject, a test
is marked `cold`, and its processes are started as users start them. The workers of pytest-xdist
are forks as well, made before the first program is.

    python -m tws_maintenance_tests.warm SOCKET      serve until standard input ends
"""

import atexit
import contextlib
import fcntl
import gc
import importlib.machinery
import importlib.util
import io
import json
import multiprocessing.util
import os
import random
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import popen_spawn_posix
from pathlib import Path
from typing import Any, NoReturn

SOCKET_VARIABLE = "WARM_PROCESS_SOCKET"
MODULE = "tws_maintenance_tests.warm"
PREPARED = "tws_maintenance_tests.prepared"
# Variables that Python reads while it starts: a fork can follow these, and no other.
FOLLOWED = frozenset(
    {
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONHASHSEED",
        "PYTHONPATH",
        "PYTHONSAFEPATH",
        "PYTHONUNBUFFERED",
    }
)
WORKER_ARGUMENTS = ["-u", "-c", "import sys;exec(eval(sys.stdin.readline()))"]
# What a worker needs beside the programs that it tests; a module that pytest rewrites must not be.
WORKER_MODULES = (
    "pytest",
    "execnet.gateway_base",
    "pygments.lexers.python",
    # Of what the programs import when they use it, what tests use in every worker.
    "dagster._core.instance.factory",
    "dagster._core.instance.runs.run_domain",
    "exchange_calendars",
    "holidays.registry",
    "icalendar",
    "pandera.backends.pandas.register",
    "pandera.strategies.pandas_strategies",
    "tws_maintenance.pipeline.definitions",
    "playwright.sync_api",
    "psutil",
    "psycopg2",
    "sqlalchemy.dialects.postgresql",
    "tws_maintenance_tests.support",
)
MODULES = (
    "tws_maintenance.cli.main",
    "tws_maintenance.constituents.audit",
    "tws_maintenance.constituents.audit_worker",
    "tws_maintenance.console.app",
    "tws_maintenance.console.serve",
    "tws_maintenance.market_events.audit",
    "tws_maintenance.market_events.providers.fetching",
    "tws_maintenance.market_events.providers.worker",
    "tws_maintenance.pipeline.launching",
    "tws_maintenance.pipeline.dagster_process",
    "tws_maintenance.pipeline.run_process",
    "tws_maintenance.pipeline.execution",
    "dagster._cli",
    "alembic.command",
    "sqlalchemy.dialects.sqlite",
    "openpyxl",
    "yfinance",
)
SPAWNED = "from multiprocessing.spawn import "
FLAGS = frozenset(multiprocessing.util._args_from_interpreter_flags())  # type: ignore[attr-defined]
# How often a worker or a fork, which lives for a second, looks for garbage: Python's own 700
# new objects cost the suite a fortieth.
RARELY = (50_000, 20, 20)
# More than multiprocessing passes on: two pipes of its own and two ends of each queue.
MOST_STREAMS = 64
_Popen = subprocess.Popen
_Spawn = popen_spawn_posix.Popen
_spawnv = multiprocessing.util.spawnv_passfds
_execv = os.execv
_in_force = False


@dataclass(frozen=True)
class Request:
    """What a fork is to become: what follows `python`, and its surroundings.

    `streams` are the standard ones and then those that it gets under the numbers in `passed`.
    """

    arguments: list[str]
    environment: dict[str, str]
    cwd: str
    session: bool
    streams: list[int]
    passed: list[int] = field(default_factory=list)

    @property
    def is_worker(self) -> bool:
        """Return whether it is to be a worker of pytest-xdist."""
        return self.arguments == WORKER_ARGUMENTS


class WarmPopen(_Popen[Any]):
    """`subprocess.Popen` whose Python processes are forked by the warm process."""

    _status: socket.socket | None = None

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, *others: Any) -> None:
        # The order of subprocess.Popen._execute_child in Python 3.11 to 3.13.
        close_fds, pass_fds, cwd, env = others[:4]
        shell, pipes = others[6], others[7:13]
        start_new_session = others[-2]
        arguments = _arguments_for_fork(args, env)
        plain = [executable, preexec_fn, *others[14:17]] == [None] * 5
        if arguments is None or not plain or shell or not close_fds:
            super()._execute_child(args, executable, preexec_fn, *others)  # type: ignore[misc]
            return
        sys.audit("subprocess.Popen", executable, args, cwd, env)
        p2cread, _, _, c2pwrite, _, errwrite = pipes
        streams = [
            standard if fd == -1 else fd
            for standard, fd in enumerate((p2cread, c2pwrite, errwrite))
        ]
        streams += pass_fds
        request = {
            "arguments": arguments,
            "environment": dict(os.environ if env is None else env),
            "cwd": os.fspath(cwd) if cwd is not None else str(Path.cwd()),
            "session": bool(start_new_session),
            "passed": pass_fds,
        }
        self._status = _connect()
        body = json.dumps(request).encode()
        socket.send_fds(self._status, [len(body).to_bytes(4, "big")], streams)
        self._status.sendall(body)
        self.pid = int.from_bytes(_exactly(self._status, 4), "big")
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]

    def _internal_poll(self, _deadstate: int | None = None, **keywords: Any) -> int | None:
        if self._status is None:
            found: int | None = super()._internal_poll(_deadstate, **keywords)  # type: ignore[misc]
            return found
        try:
            return self._ended_within(0)
        except OSError:  # collected with its socket: nobody will know any more
            self.returncode = _deadstate
            return _deadstate

    def _wait(self, timeout: float | None) -> int:
        if self._status is None:
            found: int = super()._wait(timeout)  # type: ignore[misc]
            return found
        code = self._ended_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def _ended_within(self, seconds: float | None) -> int | None:
        with self._waitpid_lock:  # type: ignore[attr-defined]
            if self.returncode is None:
                assert self._status is not None
                self._status.settimeout(seconds)
                with contextlib.suppress(BlockingIOError, TimeoutError):
                    status = int.from_bytes(_exactly(self._status, 4), "big")
                    self.returncode = os.waitstatus_to_exitcode(status)
                    self._status.close()
            return self.returncode


class WarmSpawn(_Spawn):
    """A process of multiprocessing, started by "spawn", that the warm process may have forked."""

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code, None while it runs; wait for it where `flag` is 0."""
        process = _spawned.get(self.pid)
        if process is None:
            return super().poll(flag)
        self.returncode = process.poll() if flag == os.WNOHANG else process.wait()
        return self.returncode


_spawned: dict[int, subprocess.Popen[Any]] = {}


def _spawn(path: bytes, arguments: Sequence[Any], passed: Sequence[int]) -> int:
    """Start what multiprocessing starts, which is a fork where it is to run our code."""
    # The options before it are this interpreter's own, and so the warm process's.
    words = [one for one in map(os.fsdecode, arguments) if one not in FLAGS]
    if not words[2].startswith(SPAWNED) or _arguments_for_fork(words, None) is None:
        return int(_spawnv(path, arguments, passed))
    process = subprocess.Popen(words, pass_fds=sorted(set(passed)))
    _spawned[process.pid] = process
    return process.pid


def _arguments_for_fork(args: Any, env: Mapping[str, str] | None) -> list[str] | None:
    """Return what follows `python`, or None where only a real start will do."""
    if not _in_force or isinstance(args, str | bytes | os.PathLike):
        return None
    words = [os.fspath(one) for one in args]
    is_module_or_code = len(words) > 2 and words[1] in {"-m", "-c"}
    if words[0] != sys.executable or not (is_module_or_code or words[1:] == WORKER_ARGUMENTS):
        return None
    if words[2] == MODULE or _read_at_start(os.environ if env is None else env) != AT_START:
        return None
    return words[1:]


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in env.items()
        if name.startswith(("PYTHON", "LD_", "COVERAGE_")) and name not in FOLLOWED
    }


AT_START = _read_at_start(os.environ)


@contextlib.contextmanager
def use(*, cold: bool = False) -> Iterator[None]:
    """Fork processes of Python from the warm one, here and in what they start; not if `cold`."""
    global _in_force
    before = subprocess.Popen, _in_force
    subprocess.Popen, _in_force = WarmPopen, not cold  # type: ignore[misc]
    popen_spawn_posix.Popen = WarmSpawn  # type: ignore[misc]
    multiprocessing.util.spawnv_passfds = _spawn  # type: ignore[assignment]
    try:
        yield
    finally:
        subprocess.Popen, _in_force = before  # type: ignore[misc]


def template_of(path: str) -> Path:
    """Return the home whose Dagster new ones are copied from, beside the socket at `path`."""
    return Path(path).parent / "prepared"


def _connect() -> socket.socket:
    """Return a connection to the warm process of this session."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(os.environ[SOCKET_VARIABLE])
    return connection


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Run the warm process; it imports when it is first needed and ends with this process."""
    with tempfile.TemporaryDirectory(prefix="warm_") as folder:
        path = f"{folder}/socket"
        process = _Popen(
            [sys.executable, "-m", MODULE, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            # Threads for matrices, which nobody here multiplies, make each fork an eighth dearer.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", "the warm process did not start"
        os.environ[SOCKET_VARIABLE] = path
        try:
            yield
        finally:
            del os.environ[SOCKET_VARIABLE]
            process.stdin.close()
            process.wait()
            process.stdout.close()


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts = b""
    while len(parts) < count:
        part = connection.recv(count - len(parts))
        if not part:
            raise ConnectionError("the warm process has ended")
        parts += part
    return parts


class Server:
    """The warm process: forks itself for every request, and reports how each fork ended."""

    def __init__(self, path: str) -> None:
        self._forks: dict[int, socket.socket] = {}
        self._is_warm = self._has_migrations = False
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(64)
        self._woken, self._wakes = socket.socketpair()
        for end in (self._woken, self._wakes):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        for source in (self._listener, self._woken, sys.stdin):
            self._selector.register(source, selectors.EVENT_READ)

    def serve(self) -> Request | None:
        """Serve until whoever started us has ended; return a request in the fork that does it."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    return None
                if key.fileobj is self._woken:
                    self._report_ends()
                elif (request := self._accept()) is not None:
                    return request

    def _accept(self) -> Request | None:
        connection, _ = self._listener.accept()
        fds: list[int] = []
        try:
            header, fds, _, _ = socket.recv_fds(connection, 4, MOST_STREAMS)
            asked = json.loads(_exactly(connection, int.from_bytes(header, "big")))
        except (OSError, ValueError):  # whoever asked was killed before it had said what
            connection.close()
            for fd in fds:
                os.close(fd)
            return None
        request = Request(**asked, streams=fds)
        self._warm_up(request)
        pid = os.fork()
        if pid == 0:
            return request
        for fd in fds:
            os.close(fd)
        self._forks[pid] = connection
        with contextlib.suppress(OSError):  # whoever asked was killed meanwhile
            connection.sendall(pid.to_bytes(4, "big"))
        return None

    def _warm_up(self, request: Request) -> None:
        """Import what `request` needs; the rehearsal of a run waits until a program is asked for.

        Workers come first, and may be of a session that starts no program.
        """
        if self._is_warm or (request.is_worker and WORKER_MODULES[0] in sys.modules):
            return
        for module in (*MODULES, *(WORKER_MODULES if request.is_worker else ())):
            importlib.import_module(module)
        if not self._has_migrations:
            importlib.import_module(PREPARED).read_migrations_once()
            importlib.import_module(PREPARED).compile_templates_once()
            self._has_migrations = True
        if not request.is_worker:
            importlib.import_module(PREPARED).install(template_of(sys.argv[1]))
            _import_what_a_run_imports()
            importlib.import_module(PREPARED).compute_calendars_once()
            self._is_warm = True
        gc.collect()
        gc.freeze()
        gc.set_threshold(*RARELY)

    def _report_ends(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)
        while self._forks:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._forks.pop(pid) as connection, contextlib.suppress(OSError):
                connection.sendall(status.to_bytes(4, "big"))


def _import_what_a_run_imports() -> None:
    """Import what libraries import only when they are used, found out by a run in a fork."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            signal.set_wakeup_fd(-1)
            importlib.import_module(PREPARED).rehearse()
        with os.fdopen(writes, "w") as answer:
            json.dump(sorted(sys.modules), answer)
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as answer:
        names = json.load(answer)
    os.waitpid(pid, 0)
    for name in names:
        if not name.startswith(("__m", "tws_maintenance.definitions")):
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _become(request: Request) -> None:
    """Make this fork what a new Python would be, as far as a program can see."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request.session:
        os.setsid()
    _take_streams(request)
    for name, fd, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        stream = io.TextIOWrapper(
            open(fd, f"{mode}b", closefd=False),  # noqa: SIM115 - for the process's whole life
            encoding="utf-8",
            errors="backslashreplace" if fd == 2 else "strict",
            line_buffering=fd == 2,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.cwd)
    time.tzset()
    random.seed()
    _follow_python_path()


def _take_streams(request: Request) -> None:
    """Give the streams of a fork their numbers and close every other."""
    numbers = [0, 1, 2, *request.passed]
    held = [fcntl.fcntl(fd, fcntl.F_DUPFD, max(numbers) + 1) for fd in request.streams]
    for number, fd in zip(numbers, held, strict=True):
        os.dup2(fd, number)
    first = 3
    for number in [*sorted(request.passed), 4096]:
        os.closerange(first, number)
        first = number + 1


def _follow_python_path() -> None:
    """Find modules where PYTHONPATH says, and begin with the sitecustomize that lies there."""
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    added = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    sys.path[:0] = [one for one in added if one not in sys.path]
    for folder in added:
        custom = Path(folder) / "sitecustomize.py"
        if custom.exists():
            runpy.run_path(str(custom), run_name="sitecustomize")
            break


def _execute_in_place(path: Any, arguments: Any) -> NoReturn:
    """Do what `os.execv` does: become another program, for a Python without starting it anew.

    The fork has one thread while it gets here, and what it had written was flushed by itself.
    """
    words = _arguments_for_fork(arguments, None) if path == sys.executable else None
    if words is None:
        _execv(path, arguments)
    assert words is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            is_interrupt = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if is_interrupt else signal.SIG_DFL)
    atexit._clear()
    _end(_run(words))


def _run(arguments: list[str]) -> int:
    """Run what follows `python` and return the exit code that Python would end with."""
    kind, what, *rest = arguments[1:] if arguments == WORKER_ARGUMENTS else arguments
    if "PYTHONSAFEPATH" not in os.environ:
        sys.path.insert(0, str(Path.cwd()) if kind == "-m" else "")
    sys.argv = [kind, *rest]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        code = _main_module(what) if kind == "-m" else compile(what, "<string>", "exec")
        exec(code, sys.modules["__main__"].__dict__)  # noqa: S102 - as Python itself does
    except SystemExit as error:
        return _code_of(error)
    except KeyboardInterrupt:
        traceback.print_exc()
        return -signal.SIGINT
    except BaseException:  # noqa: BLE001 - as Python does at its very end
        traceback.print_exc()
        return 1
    return 0


def _main_module(name: str) -> types.CodeType:
    """Make `name` the main module, though it may be imported already, and return its code."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
    if spec is None or not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
        sys.stderr.write(f"{sys.executable}: No module named {name}\n")
        raise SystemExit(1)
    main = sys.modules["__main__"]
    main.__spec__, main.__file__, main.__package__ = spec, spec.origin, spec.parent
    sys.argv[0] = str(spec.origin)
    code = spec.loader.get_code(spec.name)
    assert code is not None
    return code


def _code_of(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1


def _end(code: int) -> NoReturn:
    """End as Python does, without taking half a million objects apart."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code)


def main() -> None:
    """Serve; a fork leaves through `_end`."""
    server = Server(sys.argv[1])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    request = server.serve()
    if request is None:
        return
    _become(request)
    # A worker says for each test whether what it starts is forked.
    with contextlib.nullcontext() if request.is_worker else use():
        if not request.is_worker:
            os.execv = _execute_in_place
        code = _run(request.arguments)
    _end(code)


if __name__ == "__main__":
    main()
