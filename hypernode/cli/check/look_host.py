"""Gathers facts for ``health.host``."""

from __future__ import annotations

import errno
import platform
import resource
import socket
import sys
from importlib import metadata
from typing import Final

import psutil
from packaging.requirements import Requirement

from hypernode import __version__
from hypernode.cli.check.inquiry import Inquiry, in_thread
from hypernode.cli.check.kernel_clock import is_clock_kept
from hypernode.cli.check.look_files import look_at_wallet
from hypernode.cli.check.look_node import find_endpoint, look_at_node, look_for_node
from hypernode.config.parameter_table import TABLE_FILE
from hypernode.core.signing import compute_pubkey, is_valid_signature, sign
from hypernode.core.types import Endpoint
from hypernode.health.host import ClockFacts, LimitFacts, Package, PortFacts, VersionFacts
from hypernode.storage.inspection import get_sqlite_version
from hypernode.wire.backends import list_backends

LEAST_PYTHON: Final = (3, 11)
REQUIREMENTS: Final = "requirements.txt"
_TRIAL_KEY: Final = b"\x01" * 32
_TRIAL: Final = b"hn_check"


async def look_at_versions(inquiry: Inquiry) -> VersionFacts:
    """The same whatever node is asked about."""
    return read_versions()


def read_versions() -> VersionFacts:
    """What is installed, against what is required."""
    sqlite, sqlite_fits = get_sqlite_version()
    return VersionFacts(
        program=__version__,
        python=platform.python_version(),
        python_fits=sys.version_info >= LEAST_PYTHON,
        sqlite=sqlite,
        sqlite_fits=sqlite_fits,
        packages=_list_packages(),
        backends=list_backends(),
        signing_problem=_try_signing(),
    )


def _list_packages() -> tuple[Package, ...]:
    lines = TABLE_FILE.with_name(REQUIREMENTS).read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(text) for line in lines if (text := line.partition("#")[0].strip())]
    return tuple(_find_package(requirement) for requirement in wanted)


def _find_package(requirement: Requirement) -> Package:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        version = ""
    fits = requirement.specifier.contains(version, prereleases=True) if version else False
    return Package(requirement.name, version, str(requirement.specifier), fits)


def _try_signing() -> str:
    """What is wrong with the library of the curve, by one signature; empty for nothing."""
    signature = sign(_TRIAL_KEY, _TRIAL)
    pubkey = compute_pubkey(_TRIAL_KEY)
    if not is_valid_signature(pubkey, signature, _TRIAL):
        return "a good signature is refused"
    if is_valid_signature(pubkey, signature, _TRIAL + b"?"):
        return "a wrong signature is taken"
    return ""


async def look_at_limits(inquiry: Inquiry) -> LimitFacts:
    """Of the running node, else of ourselves: a node that is started here inherits them."""
    pid = await inquiry.once(look_for_node)
    settings = inquiry.settings
    try:
        process = psutil.Process(pid) if pid else None
        open_files = _read_limit(process, resource.RLIMIT_NOFILE)
        file_bytes = _read_limit(process, resource.RLIMIT_FSIZE)
    except (psutil.Error, AttributeError):  # another user's process; a system without limits of others
        pid = None
        open_files, file_bytes = (
            _read_limit(None, resource.RLIMIT_NOFILE),
            _read_limit(None, resource.RLIMIT_FSIZE),
        )
    return LimitFacts(
        open_files, settings.limits.sessions, settings.own_tunables.max_connect_to, file_bytes, pid or 0
    )


def _read_limit(process: psutil.Process | None, name: int) -> int | None:
    """The soft limit; None for none.  Raises psutil.Error, and AttributeError where there is no such call."""
    soft = resource.getrlimit(name)[0] if process is None else process.rlimit(name)[0]
    return None if soft == resource.RLIM_INFINITY or soft < 0 else soft


async def look_at_clock(inquiry: Inquiry) -> ClockFacts:
    """Against the peers' clocks, as the running node says, and as the kernel says."""
    answers = (await inquiry.once(look_at_node)).answers
    extra = answers.status.get("extra") if answers is not None else None
    offset = extra.get("clock_offset") if isinstance(extra, dict) else None
    # the node says null while too few peers told theirs
    return ClockFacts(float(offset) if isinstance(offset, int | float) else None, is_clock_kept())


async def look_at_port(inquiry: Inquiry) -> PortFacts:
    """Asked where a node runs, tried where none does."""
    pid = await inquiry.once(look_for_node)
    if pid is None:
        settings = inquiry.settings
        return await in_thread(lambda: _try_port(Endpoint(settings.listen_ip, settings.port)))
    node = await inquiry.once(look_at_node)
    endpoint = await in_thread(lambda: find_endpoint(inquiry.settings, pid))
    own = (await inquiry.once(look_at_wallet)).address
    answered_as = node.answers.address if node.answers is not None else ""
    return PortFacts(endpoint, True, own, answered_as, node.problem)


def _try_port(endpoint: Endpoint) -> PortFacts:
    """Bound as the node would, and given back: nobody can connect meanwhile."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((endpoint.ip, endpoint.port))
        except OSError as problem:
            is_taken = problem.errno == errno.EADDRINUSE
            return PortFacts(endpoint, False, problem=problem.strerror or str(problem), is_taken=is_taken)
    return PortFacts(endpoint, False)
