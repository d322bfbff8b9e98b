"""``up``, ``down`` and ``status`` as a person types them; nothing real is started."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gatelodge.cli.main import build_parser
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.lock import waiting_lock
from gatelodge.ops.stack.options import StackOptions


def _run(*arguments: str, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) | ({"XDG_CACHE_HOME": str(cache)} if cache else {})
    command = [sys.executable, "-m", "gatelodge", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)


def _state(folder: Path) -> dict[str, object]:
    document = json.loads((folder / "state.json").read_text())
    assert isinstance(document, dict)
    return document


def test_a_busy_port_is_one_clear_line_with_the_next_step(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        done = _run("up", "--port", str(port), "--state-dir", str(tmp_path / "state"))
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use (--port)" in done.stderr
    assert "choose another with --port" in done.stderr
    assert "Traceback" not in done.stderr
    assert _state(tmp_path / "state")["state"] == "failed"


def test_a_detached_start_shows_the_same_line_and_fails(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        done = _run("up", "--detach", "--port", str(port), "--state-dir", str(tmp_path / "state"))
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use (--port)" in done.stdout


def test_a_cache_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = _run("up", "--port", str(port), "--state-dir", str(tmp_path / "state"), cache=tmp_path / "file")
    assert done.returncode == 1
    assert "the cache folder:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_state_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = _run("up", "--state-dir", str(tmp_path / "file" / "state"))
    assert done.returncode == 1
    assert "the state folder:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("json_flag", [[], ["--json"]])
def test_the_status_of_a_stack_that_does_not_run_is_code_3_in_words(tmp_path: Path, json_flag: list[str]) -> None:
    done = _run("status", "--state-dir", str(tmp_path / "state"), *json_flag)
    assert done.returncode == 3
    assert "stopped" in done.stdout
    if json_flag:
        document = json.loads(done.stdout)
        assert document["state"] == "stopped"
        assert "mcp_url" not in document
        assert {"ca_file", "log_dir", "users", "processes"} <= set(document)


def test_down_without_a_stack_says_so_and_is_no_error(tmp_path: Path) -> None:
    done = _run("down", "--state-dir", str(tmp_path / "state"))
    assert (done.returncode, done.stdout) == (0, "nothing runs here\n")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "80.0", ""])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        build_parser().parse_args(["up", f"--port={port}"])
    assert refused.value.code == 2
    assert "is no port" in capsys.readouterr().err


def test_the_arguments_of_a_detached_start_are_read_back_as_the_same_options(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path / "state")
    options = StackOptions(
        layout,
        port=1,
        bind="::",
        keycloak_port=2,
        desk_port=3,
        server_port=4,
        application="a:b",
        link=False,
    )
    read = build_parser().parse_args(["up", *options.arguments()])
    given = {
        name: getattr(read, name) for name in ("port", "bind", "keycloak_port", "desk_port", "server_port", "link")
    }
    assert given == {name: getattr(options, name) for name in given}
    assert (read.app, read.state_dir) == ("a:b", layout.state)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_preparing_ends_the_start_and_is_recorded(tmp_path: Path, number: signal.Signals) -> None:
    cache = tmp_path / "gatelodge"
    cache.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "gatelodge", "up", "--port", port, "--state-dir", str(tmp_path / "state")]
    environment = dict(os.environ) | {"XDG_CACHE_HOME": str(tmp_path)}
    # Another start that prepares Keycloak: this one waits for it, and downloads nothing.
    with (
        waiting_lock(cache / "prepare.lock", lambda: None),
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as started,
    ):
        try:
            assert started.stdout
            assert "another start prepares Keycloak" in started.stdout.readline()
            started.send_signal(number)
            assert started.wait(60) == 130
        finally:
            started.kill()
    assert _state(tmp_path / "state")["state"] == "stopped"
