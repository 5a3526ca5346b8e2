"""The cron lines of README.md, as cron runs them: by ``sh -c``, with hardly an environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from hypernode.wallet.locks import acquire_lock, find_holder
from tests.functional.daemons import PATIENCE_S, ROOT, choose_port, write_network
from tests.host.needs import require_tools

SCREEN: Final = '#!/bin/sh\necho "$@" >>"$HOME/started"\nshift 2\nexec setsid -f "$@" >/dev/null 2>&1\n'
"""In place of ``screen``: notes what is started, and starts it apart from us."""
SLEEP: Final = """#!/bin/sh
for _ in $(seq 150); do flock -n data/lock true && exit; /bin/sleep 0.1; done
"""
"""In place of ``sleep 15``: no longer than until the node has ended."""
NOTES_ONLY: Final = '#!/bin/sh\necho "$@" >>"$HOME/started"\n'


class Account:
    """A home folder with the program in ``~/hypernode``, and cron."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "hypernode"
        self.log = self.folder / "logs" / "pos_app.log"
        self.lock = self.folder / "data" / "lock"
        (home / "bin").mkdir()
        self.folder.mkdir()
        (self.folder / ".venv").symlink_to(sys.prefix)
        (self.folder / "hn_instance.py").symlink_to(ROOT / "hn_instance.py")
        network = write_network(self.folder)
        config = f"PORT={choose_port()}\nNETWORK={network.name}\n"
        (self.folder / "config.txt").write_text(config, encoding="utf-8")
        self.put_tool("screen", SCREEN)
        self.put_tool("sleep", SLEEP)
        lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
        self.starts, self.ends = (line.strip() for line in lines if " * * * * cd ~/hypernode" in line)

    def put_tool(self, name: str, text: str) -> None:
        path = self.home / "bin" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def cron(self, line: str) -> None:
        """One minute of cron."""
        assert "%" not in line, "cron makes a line end of it"
        environment = {"PATH": f"{self.home / 'bin'}:/usr/bin:/bin", "HOME": str(self.home)}
        command = line.split(maxsplit=5)[5]
        subprocess.run(["/bin/sh", "-c", command], env=environment, cwd=self.home, timeout=PATIENCE_S)

    def count_starts(self) -> int:
        path = self.home / "started"
        return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0

    def grow_old(self) -> None:
        """Nothing was written for ten minutes."""
        then = time.time() - 600
        for path in (self.log, self.lock):
            os.utime(path, (then, then))

    def end_silent(self) -> None:
        """A minute of cron that finds a silent node: a line that came just then made it none."""
        for _ in range(10):
            self.grow_old()
            self.cron(self.ends)
            if find_holder(self.lock) is None:
                return

    def wait_for_log(self, words: str) -> None:
        end = time.monotonic() + PATIENCE_S / 2
        while not self.log.exists() or words not in self.log.read_text(encoding="utf-8"):
            assert time.monotonic() < end, words
            time.sleep(0.05)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    require_tools("flock", "setsid")
    account = Account(tmp_path)
    yield account
    if account.lock.exists() and (pid := find_holder(account.lock)) not in (None, os.getpid()):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def bystander(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process of the same user."""
    with subprocess.Popen([sys.executable, "-c", "input()", *arguments], stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_cron_starts_a_missing_node_and_ends_only_a_silent_one(account: Account) -> None:
    with bystander("hn_instance.py") as editor:
        account.cron(account.ends)
        assert account.count_starts() == 0
        account.cron(account.starts)
        account.wait_for_log("listens on")
        pid = find_holder(account.lock)
        account.cron(account.starts)
        account.cron(account.ends)
        assert (find_holder(account.lock), account.count_starts()) == (pid, 1)
        account.end_silent()
        assert find_holder(account.lock) is None
        assert "SIGTERM: stopping" in account.log.read_text(encoding="utf-8")
        assert editor.poll() is None
    account.put_tool("screen", NOTES_ONLY)
    account.cron(account.starts)
    assert account.count_starts() == 2


def test_cron_ends_no_other_process_that_has_a_number_or_the_lock(account: Account) -> None:
    account.lock.parent.mkdir()
    account.log.parent.mkdir()
    account.log.touch()
    with bystander("hn_instance.py") as editor, bystander("-m", "hypernode", "ledger", "repair") as tool:
        # A node that was killed left its number, which another process has by now.
        account.lock.write_text(f"{editor.pid}\n", encoding="ascii")
        account.grow_old()
        account.cron(account.ends)
        with acquire_lock(account.lock, "the data folder"):
            account.lock.write_text(f"{tool.pid}\n", encoding="ascii")
            account.grow_old()
            account.cron(account.ends)
            account.cron(account.starts)
        assert (editor.poll(), tool.poll(), account.count_starts()) == (None, None, 0)
