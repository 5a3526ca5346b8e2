"""The side of a session that answers (spec 2): one task per connection that came in.

The first frame must come soon and be small, and be a hello, a block or a test; then every command is
checked against the catalogue, paid for in tokens, and given to the node's handler.  Who signs its hello
proves it in the frame after it, or is not served.  An offence
(``Reject``) ends the session and puts its IP on hold; ``Ignore`` ends it quietly, as legacy nodes do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from hypernode.core.errors import Ignore, Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.net.admission import Admission
from hypernode.net.budgets import Budgets
from hypernode.net.caller import Caller, Handler, SessionEnd
from hypernode.net.places import Ticket
from hypernode.net.proving import Keys, ProvingPlace
from hypernode.net.server_session import NO_KEYS, ScreenBlock, ServerSession
from hypernode.net.signed_hello import Identity
from hypernode.net.stream import run_inline
from hypernode.ports.clock import Clock
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.ports.signing import Offload
from hypernode.wire.catalogue import Limits
from hypernode.wire.framing import ForeignNetwork
from hypernode.wire.hello import (
    Hello,
)


async def serve_session(
    transport: Transport,
    *,
    params: ChainParams,
    limits: Limits,
    clock: Clock,
    our_hello: Hello,
    features: int,
    admission: Admission,
    is_registered: Callable[[str], bool],
    on_hello: Callable[[Caller], None],
    handler: Handler,
    budgets: Budgets,
    identity: Identity | None = None,
    offload: Offload = run_inline,
    keys: Keys = NO_KEYS,
    screen_block: ScreenBlock | None = None,
    posnet_allow: Collection[str] | None = None,
    on_end: Callable[[Caller, SessionEnd], None] = lambda caller, end: None,
) -> SessionEnd:
    """Serve a connection until it ends, and say how.  ``is_registered`` tells for an IP whether the doors of
    legacy nodes are open to it; places and budgets go by ``admission.standing_of``.  ``on_hello`` is
    called once, before our hello answers (before its proof is acknowledged, where the hello is signed), and
    may refuse by raising Ignore or Reject; without ``identity`` no hello is signed; ``offload``:
    see ``CommandStream``; ``keys``: who is to find a way in though its IP has none (``net.proving``);
    ``posnet_allow``: networks that the hello may name, those of ``params`` where none are given;
    ``screen_block`` sees a pushed block without its messages, before they are parsed; ``on_end`` is told how
    it ended, and of whom.  Never raises for what the peer does."""
    ip = transport.remote.ip
    served = ServerSession(
        transport,
        params,
        limits,
        clock,
        our_hello,
        features,
        admission,
        is_registered,
        on_hello,
        handler,
        budgets,
        identity,
        offload,
        keys,
        screen_block,
        params.default_tunables.posnet_allow if posnet_allow is None else posnet_allow,
    )
    end = await _serve(served, admission, clock, may_prove=identity is not None and is_registered(ip))
    on_end(served.caller, end)
    return end


async def _serve(served: ServerSession, admission: Admission, clock: Clock, *, may_prove: bool) -> SessionEnd:
    """Give the session a place, and serve it until it ends."""
    place: Ticket | ProvingPlace
    try:
        place = admission.admit(served.ip, clock.monotonic(), served)
    except Ignore as refusal:
        if not may_prove:
            served.close()
            return SessionEnd(refusal.reason)
        place = served.let_prove(refusal)
    try:
        await served.run()
    except TransportClosed:
        return SessionEnd("gave way" if served.gave_way else "closed by the peer")
    except TimeoutError:
        return SessionEnd("silent or slow")
    except Ignore as verdict:
        return SessionEnd(verdict.reason, is_foreign=isinstance(verdict, ForeignNetwork))
    except Reject as verdict:
        return served.end_by_offence(verdict)
    finally:
        place.release()
        served.close()
