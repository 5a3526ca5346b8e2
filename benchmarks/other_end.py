"""The other end of a benchmark, a module in a process of its own: it says where it listens, and ends when its
standard input does."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OtherEnd:
    """The process, and the object that it said when it was ready."""

    pid: int
    said: Mapping[str, Any]


@asynccontextmanager
async def start_other_end(module: str, *arguments: str) -> AsyncIterator[OtherEnd]:
    """Run ``python -m module arguments`` while the block lasts.  Raises RuntimeError when it does not get
    ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a process without the pipes that were asked for")
    try:
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"{module} did not start")
        yield OtherEnd(process.pid, json.loads(line))
    finally:
        process.stdin.close()
        await process.wait()
