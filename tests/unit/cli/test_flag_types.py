"""What a flag cannot mean is a usage error of every command, with what was expected."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hypernode.cli import instance, register
from hypernode.cli.check import command as check
from hypernode.cli.client import command as client
from hypernode.cli.exit_codes import Exit
from hypernode.cli.flag_types import parse_host, parse_listen_ip, parse_path, parse_port
from hypernode.cli.rewards import command as rewards

Main = Callable[[Sequence[str]], int]


@pytest.mark.parametrize(
    ("main", "arguments", "status", "words"),
    [
        (client.main, ["-I", ""], Exit.USAGE, "not nothing"),
        (client.main, ["-S", " "], Exit.USAGE, "not nothing"),
        (client.main, ["-p", "0"], Exit.USAGE, "expected a port"),
        (client.main, ["-p", "65536"], Exit.USAGE, "expected a port"),
        (client.main, ["--home", ""], Exit.USAGE, "expected a path"),
        (client.main, ["--wallet", ""], Exit.USAGE, "expected a path"),
        (instance.main, ["--home", ""], Exit.USAGE, "expected a path"),
        (instance.main, ["--config", ""], Exit.USAGE, "expected a path"),
        (check.main, ["-I", ""], Exit.COMMAND_LINE, "expected an IPv4 address"),
        (check.main, ["-I", "foo"], Exit.COMMAND_LINE, "expected an IPv4 address"),
        (check.main, ["-p", "x"], Exit.COMMAND_LINE, "expected a port"),
        (check.main, ["--pow-ledger", ""], Exit.COMMAND_LINE, "expected a path"),
        (rewards.main, ["--home", ""], Exit.USAGE, "expected a path"),
        (register.main, ["--home", ""], Exit.USAGE, "expected a path"),
    ],
)
def test_it_names_the_right_form(
    main: Main, arguments: list[str], status: Exit, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == status
    assert words in capsys.readouterr().err


def test_what_is_meant_is_taken() -> None:
    assert parse_path("a b") == Path("a b")
    assert parse_host(" 10.0.0.1 ") == "10.0.0.1"
    assert parse_listen_ip("all") == "all"
    assert parse_listen_ip("10.0.0.1") == "10.0.0.1"
    assert [parse_port(text) for text in ("1", "65535")] == [1, 65_535]
    for text in ("", "-1", "٧", "6969.0", "1e3"):
        with pytest.raises(argparse.ArgumentTypeError):
            parse_port(text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--action", "address_txs", "--param", "foo"], "expected address"),
        (["--action", "headers", "--param", "5"], "expected start,count"),
        (["--action", "address_txs", "--param", "bRtpbaZdoWbEyjyaPsN959n3r8FztjAcK5"], "network 0x55"),
    ],
)
def test_a_parameter_that_would_find_nothing_is_not_asked(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client.main(["-I", "127.0.0.1", "-p", "1", "--network", "mainnet", *arguments]) == Exit.USAGE
    assert words in capsys.readouterr().err
