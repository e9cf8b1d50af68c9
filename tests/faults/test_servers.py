"""Real servers that fork: gunicorn with its application preloaded, and a Celery worker."""

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from contextlib import contextmanager

import pytest

pytest.importorskip("gunicorn")
pytest.importorskip("celery")


@contextmanager
def server(scene, tmp_path, module, source, *command):
    """A server in a process group of its own, which ends with the block."""
    (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
    log = (tmp_path / "log").open("w")
    environ = {**os.environ, **scene.environ}
    environ["PYTHONPATH"] = os.pathsep.join([str(tmp_path), environ["PYTHONPATH"]])
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=tmp_path, env=environ, stdout=log, stderr=log, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def stop(process, timeout=30):
    """End it as an init system does."""
    process.terminate()
    process.wait(timeout)


APP = """
    from workloads import *

    work()  # the application is loaded before the workers are forked

    def app(environ, start_response):
        work()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]

    import os
"""


@contextmanager
def gunicorn(scene, tmp_path, *options):
    """Gunicorn with two workers; the block also gets a function that makes a request and gives the worker's pid."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"

    def get():
        return int(urllib.request.urlopen(f"http://{address}/", timeout=10).read())

    options = ["--bind", address, "--workers", "2", "--worker-tmp-dir", str(tmp_path), *options]
    with server(scene, tmp_path, "shop", APP, "gunicorn", "shop:app", *options) as process:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.05)
        yield process, get


@pytest.mark.parametrize("state", ["up", "down"])
@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["", "preloaded"])
def test_gunicorn(scene, tmp_path, options, state):
    """Workers that are recycled, reloaded by SIGHUP and stopped by SIGTERM lose nothing."""
    if state == "down":
        scene.endpoint.down()
    with gunicorn(scene, tmp_path, *options, "--max-requests", "5") as (process, get):
        pids = {get() for _ in range(14)}
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        pids |= {get() for _ in range(6)}
        stop(process)

    assert process.returncode == 0, (tmp_path / "log").read_text()
    assert len(pids) > 2
    assert "Traceback" not in (tmp_path / "log").read_text()
    scene.settle()
    scene.check()
    assert len(scene.ended()) >= 4 * 20


def test_gunicorn_workers_that_are_killed(scene, tmp_path):
    """A worker that is killed, as for a time-out, loses nothing that is older than 100 ms."""
    with gunicorn(scene, tmp_path, "--preload") as (process, get):
        deaths = {}
        for _ in range(3):
            pid = get()
            get()
            time.sleep(0.2)
            deaths[pid] = time.time_ns()
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.2)
        stop(process)

    scene.settle()
    scene.check(killed=deaths)


CELERY = """
    import os
    from celery import Celery
    from celery.signals import worker_process_shutdown
    from workloads import *

    BROKER = "data_folder_in", "data_folder_out", "control_folder"
    app = Celery("jobs", broker="filesystem://")
    app.conf.update(
        broker_transport_options={name: os.environ["BROKER"] for name in BROKER},
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
    )
    if os.environ.get("TCC_DURABILITY") != "sync":
        worker_process_shutdown.connect(lambda **_: tcc.flush(1), weak=False)
    work()

    @app.task
    def job():
        work()
"""


@pytest.mark.parametrize(
    ("state", "durability"), [("up", "async"), pytest.param("down", "sync", marks=pytest.mark.soak)]
)
def test_celery(scene, tmp_path, monkeypatch, state, durability):
    """A worker whose children end after each task loses nothing, if they write at once or flush when they end.

    They leave by `os._exit`, and the `multiprocessing` of Celery is one of its own.
    """
    monkeypatch.setenv("TCC_DURABILITY", durability)
    (tmp_path / "broker").mkdir()
    monkeypatch.setenv("BROKER", str(tmp_path / "broker"))
    if state == "down":
        scene.endpoint.down()
    options = ["-P", "prefork", "-c", "2", "--max-tasks-per-child", "1", "--without-gossip", "--without-mingle"]
    with server(scene, tmp_path, "jobs", CELERY, "celery", "-A", "jobs", "worker", "-l", "info", *options) as process:
        sending = "import jobs\nfor _ in range(8): jobs.job.delay()"
        scene.run(sending, PYTHONPATH=os.pathsep.join([str(tmp_path), scene.environ["PYTHONPATH"]]))
        deadline = time.monotonic() + 40
        log = tmp_path / "log"
        while len(re.findall("succeeded", log.read_text())) < 8:
            assert time.monotonic() < deadline, log.read_text()
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        stop(process)

    assert "Traceback" not in log.read_text()
    scene.settle()
    scene.check()
    assert len({entry.pid for entry in scene.entries()}) >= 8
    assert len(scene.ended()) == 4 * (1 + 1 + 8)
