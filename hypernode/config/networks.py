"""Which network: a name that is built in, or a file with its parameters (spec 6, networks)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from hypernode.config.parameter_table import ConfigError
from hypernode.config.paths import resolve_path
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.network_file import NetworkFileError, network_from_json
from hypernode.core.params.networks import devnet, mainnet, testnet
from hypernode.files.own_files import read_bounded
from hypernode.files.text_files import decode_text

_BUILT_IN: Final[Mapping[str, Callable[[], ChainParams]]] = {"mainnet": mainnet, "testnet": testnet}
_DEVNET: Final = "devnet"
_MAX_FILE_BYTES: Final = 10_000_000
"""A network of some ten thousand fixed hypernodes; whatever is larger is another file."""


def is_built_in(spec: str) -> bool:
    """Whether it is the name of a network, and no file."""
    return spec in _BUILT_IN or spec == _DEVNET


def load_network(spec: str, folder: Path, place: str) -> ChainParams:
    """The network called ``spec``, else the one in that file (relative to ``folder``).  ``place`` is where
    the name was given, for errors.  Raises ConfigError."""
    if spec in _BUILT_IN:
        return _BUILT_IN[spec]()
    if spec == _DEVNET:
        expected = "a devnet has no times and control addresses of its own"
        remedy = (
            "Give the file that its launcher wrote (--network FILE); python -m hypernode devnet starts one"
        )
        raise ConfigError(place, 0, "", expected, remedy)
    path = resolve_path(spec, folder, place)
    remedy = f"Give {', '.join(_BUILT_IN)} or a network file (--network)"
    try:
        return network_from_json(decode_text(read_bounded(path, _MAX_FILE_BYTES)), str(path))
    except NetworkFileError as error:
        raise ConfigError(place, 0, "", str(error), "Mend the network file") from error
    except (OSError, ValueError, RecursionError) as error:
        expected = f"{spec!r} is no network that is built in, and no file that can be read: {error}"
        raise ConfigError(place, 0, "", expected, remedy) from error


def name_network(spec: str, folder: Path) -> str:
    """The same name from wherever it is asked: a built-in one, or the absolute path of the file."""
    return spec if is_built_in(spec) else str(resolve_path(spec, folder, "--network"))


def load_network_of_client(spec: str, folder: Path) -> ChainParams:
    """The same for a client, who needs only what is said in a hello: ``devnet`` by its name will do."""
    if spec == _DEVNET:
        known = testnet()
        return devnet(0, 6, known.control_pow, known.control_pos)
    return load_network(spec, folder, "--network")
