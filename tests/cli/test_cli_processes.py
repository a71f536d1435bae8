"""The commands as processes: in a terminal and without, killed, interrupted, into a closed pipe, on a full disk."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from cli_runs import SMALL, numbers, run, written
from interpreter import run_in_terminal, run_python, start_python

from cyrnn import nn
from cyrnn.__main__ import PIPE_CLOSED
from cyrnn.cli import checkpoint

posix = pytest.mark.skipif(os.name != "posix", reason="a signal or a device of POSIX")
COMMAND = ("-W", "error", "-m", "cyrnn")
#: a program that does something to itself before it is the command
BEFORE = "import os, sys; {}; from cyrnn import __main__ as program; sys.exit(program.run())"


@pytest.fixture
def names(tmp_path):
    return written(tmp_path / "numbers.txt", numbers(99))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A text, and a model of it."""
    folder = tmp_path_factory.mktemp("model")
    path = folder / "m.npz"
    assert run("train", written(folder / "numbers.txt", numbers(99)), "--out", path, *SMALL) == 0
    return path


def before(code: str, *words: object) -> tuple[str, ...]:
    return ("-W", "error", "-c", BEFORE.format(code), *map(str, words))


# ---- terminals ---------------------------------------------------------------------------------------


def test_in_a_terminal_a_bar_stands_between_the_lines(names, tmp_path):
    words = ("train", names, "--out", str(tmp_path / "m.npz"), *SMALL, "--units", "64")
    every = "from cyrnn.cli import progress; progress.EVERY = 0"
    status, shown = run_in_terminal(*before(every, *words), COLUMNS=None)
    assert status == 0
    assert "\033" not in shown
    states = [state for line in shown.split("\n") for state in line.split("\r")]
    assert max(map(len, states)) < 80
    bars = [state for state in states if re.match(r"epoch [123]/3 \[#*\.*\] +\d+%  train \d\.\d{3} bits/char", state)]
    assert len(bars) > 30
    # what stands there at the end of each line, bars being written over
    lines = shown.split("\n")[:-1]
    assert len(lines) == 6
    for number, line in enumerate(lines[3:], 1):
        assert re.fullmatch(rf"epoch {number}/3  train .*  held out .* chars/s", line.rpartition("\r")[2])


def test_in_a_terminal_a_refusal_is_one_line(tmp_path):
    status, shown = run_in_terminal(*COMMAND, "train", "missing.txt", "--out", "m.npz", cwd=tmp_path)
    assert (status, shown) == (2, "python -m cyrnn train: 'missing.txt': there is no such file\n")


def test_sample_has_no_control_characters_for_a_terminal(tmp_path):
    path = tmp_path / "m.npz"
    text = written(tmp_path / "text.txt", "\033[31mred\033[0m\n" * 20)
    assert run("train", text, "--out", path, *SMALL, "--epochs", 1) == 0
    words = ("sample", str(path), "--length", "200", "--seed", "1")
    piped = run_python(*COMMAND, *words).stdout
    status, shown = run_in_terminal(*COMMAND, *words)
    assert status == 0
    assert "\033" in piped
    assert shown == piped.replace("\033", "?")


def test_sample_of_letters_that_stdout_has_not(tmp_path):
    path = tmp_path / "m.npz"
    text = written(tmp_path / "text.txt", "\u00e9\u20ac\n" * 50)
    assert run("train", text, "--out", path, *SMALL, "--epochs", 1) == 0
    done = run_python(*COMMAND, "sample", path, "--length", "50", "--seed", "1", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"[?\n]{50}\n", done.stdout)


# ---- killed and interrupted --------------------------------------------------------------------------


def test_killed_run_leaves_a_whole_checkpoint_and_goes_on_with_the_same_bits(names, tmp_path):
    """SIGKILL at some moments, half of them while a checkpoint is written, when the file beside it is there."""
    whole, killed = tmp_path / "whole.npz", tmp_path / "killed.npz"
    words = ("train", names, *SMALL, "--dropout", "0.2")
    assert run(*words, "--out", whole) == 0
    kills, more = 0, ()
    while not killed.exists() or checkpoint.load(str(killed)).epoch < 3:
        with start_python(*COMMAND, *words, "--out", killed, "--save-every", "0", *more, text=False) as process:
            saves, seen = 0, 0
            while process.poll() is None and saves < 12:  # each update is saved
                found = killed.stat().st_mtime_ns if killed.exists() else 0
                saves, seen = saves + (found != seen), found
                time.sleep(0.0005)
            while kills % 2 and process.poll() is None and not list(tmp_path.glob("*.tmp")):
                pass
            process.kill()
            process.communicate()
        nn.load(killed)
        kills, more = kills + 1, ("--resume",)
    assert 2 <= kills < 20
    assert killed.read_bytes() == whole.read_bytes()


@posix
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_signal_saves_and_says_so(name, status, names, tmp_path):
    whole, stopped = tmp_path / "whole.npz", tmp_path / "stopped.npz"
    words = ("train", names, *SMALL, "--epochs", "60", "--out", stopped)
    number = getattr(signal, name)
    # a shell lets what it starts in the background ignore SIGINT, nohup SIGHUP: so may whoever started these tests
    with start_python(*COMMAND, *words, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL)) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch  2"):
                process.send_signal(number)
                break
        rest, err = process.communicate()
    assert (process.returncode, err) == (status, "")
    assert re.search(r"^stopped in epoch \d+ and saved: --resume goes on$", rest, re.MULTILINE)
    reached = checkpoint.load(str(stopped)).epoch + 1
    assert 2 <= reached < 60
    for path, more in ((whole, ()), (stopped, ("--resume",))):
        assert run("train", names, *SMALL, "--epochs", reached, "--out", path, *more) == 0
    assert nn.load(stopped)[1].weight.tobytes() == nn.load(whole)[1].weight.tobytes()


def test_closed_pipe_saves_and_ends_quietly(names, tmp_path):
    path = tmp_path / "m.npz"
    with start_python(*COMMAND, "train", names, "--out", path, *SMALL, text=False) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().endswith(b"are held out" + os.linesep.encode())
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == PIPE_CLOSED
    assert checkpoint.load(str(path)).epoch < 3
    assert run("train", names, "--out", path, "--resume") == 0


def test_sample_into_a_closed_pipe_ends_quietly(trained):
    words = ("sample", trained, "--length", "100000000")
    with start_python("-u", *COMMAND, *words, text=False) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(40)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == PIPE_CLOSED


# ---- full disks --------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("command", ["train", "sample", "eval"])
def test_stdout_on_a_full_disk_is_one_line(command, trained, tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    names = trained.with_name("numbers.txt")
    words = {"train": (names, "--out", tmp_path / "m.npz", *SMALL), "sample": (trained,), "eval": (trained, names)}
    full = "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)"
    done = run_python(*before(full, command, *words[command]))
    said = f"python -m cyrnn {command}: stdout cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, said)
    if command == "train":
        assert checkpoint.load(str(tmp_path / "m.npz")).epoch == 0


#: coverage writes a file at the end of a process, which a limit of sizes is not meant for
NOT_COUNTED = {"COVERAGE_PROCESS_CONFIG": None, "COVERAGE_PROCESS_START": None}


def limited(size: int) -> str:
    """The disk is full where a file has this size: a write behind it fails."""
    return f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"


@posix
def test_checkpoint_on_a_full_disk_is_one_line_and_leaves_no_file(names, tmp_path):
    path = tmp_path / "m.npz"
    done = run_python(*before(limited(10000), "train", names, "--out", path, *SMALL), **NOT_COUNTED)
    said = f"python -m cyrnn train: {str(path)!r} cannot be written: File too large\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    assert os.listdir(tmp_path) == ["numbers.txt"]


@posix
def test_disk_that_becomes_full_leaves_the_last_checkpoint(names, tmp_path):
    """The first checkpoint fits; those within an epoch are larger, by the states of the streams."""
    path = tmp_path / "m.npz"
    assert run("train", names, "--out", path, *SMALL, "--epochs", 1) == 0
    size, before_it = path.stat().st_size + 200, path.read_bytes()
    words = ("train", names, "--out", path, "--resume", "--epochs", 2, "--save-every", 0)
    done = run_python(*before(limited(size), *words), **NOT_COUNTED)
    said = f"{str(path)!r} cannot be written: File too large; what was there is as it was\n"
    assert (done.returncode, done.stderr) == (2, f"python -m cyrnn train: {said}")
    assert checkpoint.load(str(path)).epoch == 1
    assert sorted(os.listdir(tmp_path)) == ["m.npz", "numbers.txt"]
    assert len(before_it) <= path.stat().st_size <= size


def test_program_without_stdout_trains(names, tmp_path):
    path = tmp_path / "m.npz"
    done = run_python(*before("sys.stdout = None", "train", names, "--out", path, *SMALL))
    assert (done.returncode, done.stderr) == (0, "")
    assert checkpoint.load(str(path)).epoch == 3


def test_commands_cost_the_demo_and_the_import_nothing():
    code = "import sys, cyrnn.__main__; print({'cyrnn.nn', 'cyrnn.cli.train', 'matplotlib'} & set(sys.modules))"
    assert run_python("-c", code).stdout == "set()\n"
