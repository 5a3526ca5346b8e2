"""The operator's config.txt: what is taken, what is an error, what is a remark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.config.config_files import MAX_FILE_BYTES, find_nearest, load_config, parse_config
from hypernode.config.networks import load_network
from hypernode.config.parameter_table import ConfigError, load_table
from hypernode.files.text_files import split_lines
from hypernode.wallet.pos_wallet import WalletError, load_wallet

TABLE = load_table()


def parse(text: str) -> dict[str, object]:
    return dict(parse_config(text, "config.txt", TABLE).values)


def fail(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return caught.value


def test_keys_values_and_comments_are_read() -> None:
    text = "# mine\n\n  MAX_CONNECT_TO = 12  # fewer\r\nOUT_IP=10.0.0.1\n#PORT=1\nPOW_LEDGER_DB=/a/b#c.db\n"
    assert parse(text) == {"MAX_CONNECT_TO": 12, "OUT_IP": "10.0.0.1", "POW_LEDGER_DB": "/a/b#c.db"}


def test_names_may_be_in_lower_case() -> None:
    assert parse("pow_source=node") == {"POW_SOURCE": "node"}


@pytest.mark.parametrize("text", ["false", "0", "no", "", "False", "NO"])
def test_false_words_and_nothing_are_false(text: str) -> None:
    assert parse(f"STATUS_LONG={text}") == {"STATUS_LONG": False}


@pytest.mark.parametrize("text", ["true", "1", "yes", "TRUE"])
def test_true_words_are_true(text: str) -> None:
    assert parse(f"STATUS_LONG={text}") == {"STATUS_LONG": True}


@pytest.mark.parametrize("text", ["hello,mempool", "hello;mempool", " hello ; mempool;", "HELLO,Mempool"])
def test_lists_are_separated_by_comma_or_semicolon(text: str) -> None:
    assert parse(f"LOG={text}") == {"LOG": ("hello", "mempool")}


def test_an_empty_list_is_empty() -> None:
    assert parse("ALLOW_QUERIES_FROM=") == {"ALLOW_QUERIES_FROM": ()}


def test_a_block_exception_is_a_height_and_a_hash() -> None:
    assert parse(f"BLOCK_EXCEPTIONS=77:{'ab' * 20}") == {"BLOCK_EXCEPTIONS": ((77, b"\xab" * 20),)}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("MAX_CONNECT_TO=many", "expected a whole number from 1 to 1000, not 'many'"),
        ("MAX_CONNECT_TO=", "expected a whole number"),
        ("MAX_CONNECT_TO=1_0", "expected a whole number"),
        ("MAX_CONNECT_TO=0", "expected a whole number from 1 to 1000, not '0'"),
        ("WAIT=nan", "expected a number from 0.01 to 60, not 'nan'"),
        ("WAIT=soon", "expected a number"),
        ("STATUS_LONG=maybe", "expected true or false, not 'maybe'"),
        ("LOG=hello,everything", "expected one of determine, connections"),
        ("POW_SOURCE=cloud", "expected one of ledger, node, embedded"),
        ("OUT_IP=home", "expected an IP address, not 'home'"),
        ("ALLOW_QUERIES_FROM=127.0.0.1,host", "expected an IP address, not 'host'"),
        ("POSNET_ALLOW=posnet2", "expected names of 10 characters"),
        ("BLOCK_EXCEPTIONS=77", "expected height:hash"),
        (f"BLOCK_EXCEPTIONS=9999999999:{'ab' * 20}", "expected a height"),
        ("LIMIT_FRAME_S=0", "expected a number"),
    ],
)
def test_a_value_of_the_wrong_type_names_file_line_and_expectation(line: str, expected: str) -> None:
    error = fail(f"# first\n{line}")
    assert (error.source, error.line, error.key) == ("config.txt", 2, line.partition("=")[0])
    assert expected in error.expected
    assert str(error).startswith(f"config.txt:2: {error.key}: {error.expected}. It means: ")


@pytest.mark.parametrize(
    ("typo", "known"),
    [
        ("MAX_CONECT_TO", "MAX_CONNECT_TO"),
        ("MAX_CONNECT", "MAX_CONNECT_TO"),
        ("STATSU_EVERY", "STATUS_EVERY"),
        ("STATUS_EVRY", "STATUS_EVERY"),
        ("POWLEDGERDB", "POW_LEDGER_DB"),
        ("LOGS", "LOG"),
        ("WIAT", "WAIT"),
        ("LIMIT_FRAMES", "LIMIT_FRAME_S"),
        ("EXPORT PORT", "PORT"),
    ],
)
def test_a_typo_is_an_error_with_the_nearest_name(typo: str, known: str) -> None:
    error = fail(f"{typo}=1")
    assert (error.line, error.key) == (1, typo)
    assert known in error.expected
    assert known in error.remedy


@pytest.mark.parametrize("name", ["WALLET", "POW_LEDGER_DB"])
def test_a_path_that_is_nothing_is_one_only_where_that_is_the_default(name: str) -> None:
    assert fail(f"\n{name}=").expected == "expected a path, not nothing"
    assert parse("PASSPHRASE_FILE=\nNODE_PY_PATH= # none") == {"PASSPHRASE_FILE": "", "NODE_PY_PATH": ""}


@pytest.mark.parametrize("name", ["HOST", "TOR_CONTROL", "COLOUR", "MY_NOTES", "EXPORT COLOUR"])
def test_any_other_unknown_name_is_a_warning(name: str) -> None:
    config = parse_config(f"{name}=1", "config.txt", TABLE)
    assert config.values == {}
    assert [(r.level, r.text) for r in config.remarks] == [
        ("warning", f"config.txt:1: {name} is unknown and not used")
    ]


@pytest.mark.parametrize(
    "name",
    [
        "PYTHON_EXECUTABLE",
        "POW_DISTINCT_PROCESS",
        "IGNORE_POLYSIGN",
        "POW_ALTERNATE_URL",
        "TEST_ROUND_CACHE",
        "SHORT_WAIT",
    ],
)
def test_a_name_without_a_purpose_is_accepted_with_one_line(name: str) -> None:
    config = parse_config(f"{name}=anything", "config.txt", TABLE)
    (remark,) = config.remarks
    assert remark.level == "info"
    assert f"{name} has no purpose any more" in remark.text


def test_what_only_a_network_file_can_set_is_a_warning() -> None:
    (remark,) = parse_config("ORIGIN_OF_TIME=1", "config.txt", TABLE).remarks
    assert remark.level == "warning"
    assert "a network file sets it" in remark.text


def test_of_a_name_given_twice_the_last_line_counts_and_is_remarked_on() -> None:
    config = parse_config("WAIT=1\nWAIT=2", "config.txt", TABLE)
    assert config.values == {"WAIT": 2.0}
    assert config.lines == {"WAIT": 2}
    assert config.remarks[0].text == "config.txt:2: WAIT again: this line counts"


@pytest.mark.parametrize("line", ["MAX_CONNECT_TO", "=5", "\x1b[31m"])
def test_a_line_that_is_no_pair_is_an_error(line: str) -> None:
    error = fail(f"\n\n{line}")
    assert error.line == 3
    assert "expected KEY=VALUE" in error.expected
    assert "\x1b" not in str(error)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.txt"
    path.write_bytes(b"\xef\xbb\xbfWAIT=5\r\n")
    assert load_config(path, TABLE).values == {"WAIT": 5.0}


@pytest.mark.parametrize("content", [None, b"\xff\xfeA", b"K=\xe9", b"#" * (MAX_FILE_BYTES + 1)])
def test_a_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "config.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.txt: cannot be read"):
        load_config(path, TABLE)


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused_with_a_line(text: str) -> None:
    line = 1
    try:
        parse_config(text, "config.txt", TABLE)
    except ConfigError as error:
        line = error.line
    assert 1 <= line <= len(split_lines(text))


@given(st.sampled_from(sorted(TABLE)), st.data())
def test_a_name_with_one_character_lost_is_near_a_known_one(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    typo = name[:at] + name[at + 1 :]
    assert typo in TABLE or find_nearest(typo, TABLE) is not None


ENDLESS = Path("/dev/zero")


@pytest.mark.parametrize(
    "read",
    [
        lambda: load_config(ENDLESS, TABLE),
        lambda: load_network(str(ENDLESS), Path(), "--network"),
        lambda: load_wallet(ENDLESS, 25, lambda: ""),
    ],
    ids=["config", "network", "wallet"],
)
def test_a_device_without_an_end_is_read_no_further_than_a_file_may_go(read: Callable[[], object]) -> None:
    with pytest.raises((ConfigError, WalletError), match=r"more than|is no file"):
        read()
