"""Messages on their way into the mempool: cut, verified in one batch, offered.

Every way in ends here: exchanges with peers, ``tx`` of a client, our own words, what a dropped block
gave back.  What is refused is counted by reason in the mempool.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypernode.core.errors import Ignore, Reject, Verdict
from hypernode.core.message import create_message, encode_signed_buffer, normalise_cut
from hypernode.core.params import Network
from hypernode.core.types import Message
from hypernode.mempool.pool import KNOWN, Mempool
from hypernode.node.config_watch import ConfigWatch
from hypernode.node.world import World
from hypernode.ports import SignatureCheck


class Intake:
    """Feeds the mempool.  ``set_senders`` tells whose messages it takes in this round (spec 4, M6)."""

    def __init__(self, network: Network, world: World, mempool: Mempool) -> None:
        self._network = network
        self._world = world
        self._mempool = mempool
        self._senders: frozenset[str] = frozenset()
        self.configs = ConfigWatch()

    @property
    def senders(self) -> frozenset[str]:
        """PoS addresses whose messages are taken."""
        return self._senders

    def set_senders(self, allowed: frozenset[str], counted: frozenset[str]) -> None:
        """Who may send in this round by the chain's rule (``allowed``), and who of them counts.  Where legacy
        nodes forge, who does not count is taken with a lesser quota: they seal its messages (spec 3)."""
        full = allowed & (counted | {self._network.control_pos})
        self._senders = allowed if self._network.mixed else full
        self._mempool.set_lesser(self._senders - full)

    async def digest(self, messages: Sequence[Message], peer: str | None = None) -> list[Verdict | None]:
        """Offer messages to the mempool; one verdict each, None for taken.  ``peer`` is who sent them:
        it will not be sent them back."""
        cut = [normalise_cut(message, self._network.address_byte) for message in messages]
        if peer is not None:
            self._mempool.note_from(peer, cut)
        fresh = [m for m in cut if not self._mempool.holds(m)]
        sealed = await self._find_sealed(fresh)
        verified = dict(zip((id(m) for m in fresh), await self._verify(fresh), strict=True))
        now = self._world.clock.now()
        verdicts = [
            self._mempool.offer(
                message,
                now,
                registered=self._senders,
                is_own=message.sender == self._world.signer.address,
                in_chain=id(message) in sealed,
                signature_ok=verified[id(message)],
            )
            if id(message) in verified
            # Held when it came: it was judged then, and is not to come in again if it was sealed meanwhile.
            else Ignore("mempool", KNOWN)
            for message in cut
        ]
        self.configs.note(m for m, verdict in zip(cut, verdicts, strict=True) if verdict is None)
        return verdicts

    async def _find_sealed(self, messages: Sequence[Message]) -> set[int]:
        """Those (by ``id``) that the chain holds, or whose twins it holds."""
        if not messages:
            return set()
        ids = {id(message): self._mempool.list_twin_ids(message) for message in messages}
        known = await self._world.ledger.get_known_ids(txid for twins in ids.values() for txid in twins)
        return {place for place, twins in ids.items() if not known.isdisjoint(twins)} if known else set()

    async def say(self, what: int, recipient: str, params: str, value: int) -> Message | None:
        """Sign a message of our own and put it into the mempool; None when policy refuses it (we are
        not registered, or said the same a moment ago)."""
        signer = self._world.signer
        message = create_message(
            signer.sign,
            signer.pubkey,
            timestamp=int(self._world.clock.now()),
            sender=signer.address,
            recipient=recipient,
            what=what,
            params=params,
            value=value,
        )
        verdict = (await self.digest([message]))[0]
        return message if verdict is None else None

    async def _verify(self, messages: Sequence[Message]) -> list[bool]:
        checks: list[SignatureCheck] = []
        places: list[int] = []
        verdicts = [False] * len(messages)
        for place, message in enumerate(messages):
            try:
                buffer = encode_signed_buffer(message)
            except Reject:
                continue
            checks.append(SignatureCheck(message.pubkey, message.txid, buffer))
            places.append(place)
        for place, good in zip(
            places, await self._world.verifier.verify(checks, allow_long_ids=False), strict=True
        ):
            verdicts[place] = good
        return verdicts
