"""Messages on their way into the mempool: screened, verified in one batch, admitted.

Every way in ends here: exchanges with peers, ``tx`` of a client, our own words, what a dropped block
gave back.  What is refused is counted by reason in the mempool.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from hypernode.core.message import create_message, encode_signed_buffer
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule, Violation
from hypernode.core.types import Message
from hypernode.mempool.pool import Mempool
from hypernode.mempool.screening import MOST_FORGED, PROBE, Screening
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.intake.config_watch import ConfigWatch
from hypernode.ports.chain import MessageIndex
from hypernode.ports.clock import Clock
from hypernode.ports.signing import SignatureCheck, Signer, Verifier

_SHOWN_REASONS: Final = 3
FORGED: Final = "the signature is invalid"


class Intake:
    """Puts messages into the mempool.  ``set_senders`` sets whose messages it takes in this round (spec 4,
    M6)."""

    def __init__(
        self,
        params: ChainParams,
        clock: Clock,
        signer: Signer,
        verifier: Verifier,
        ledger: MessageIndex,
        mempool: Mempool,
        configs: ConfigWatch,
        subjects: Subjects = SILENT,
    ) -> None:
        self._params = params
        self._clock = clock
        self._signer = signer
        self._verifier = verifier
        self._ledger = ledger
        self._mempool = mempool
        self._senders: frozenset[str] = frozenset()
        self._configs = configs
        self._subjects = subjects

    @property
    def senders(self) -> frozenset[str]:
        """PoS addresses whose messages are taken."""
        return self._senders

    def set_senders(self, allowed: frozenset[str], counted: frozenset[str]) -> None:
        """Who may send in this round by the chain's rule (``allowed``), and who of them counts.  Where legacy
        nodes forge, who does not count is taken with a lesser quota: they seal its messages (spec 3)."""
        full = allowed & (counted | {self._params.control_pos})
        self._senders = allowed if self._params.mixed else full
        self._mempool.set_lesser(self._senders - full)

    async def submit(self, messages: Sequence[Message], peer: str | None = None) -> list[Violation | None]:
        """Offer messages to the mempool; returns for each what keeps it out, None if it was taken.  ``peer``
        is who sent them: it will not be sent them back."""
        if peer is not None:
            self._mempool.note_from(peer, messages)
        own = self._signer.address
        screening = Screening(self._params, self._mempool, self._clock.now(), self._senders, own)
        results = [screening.screen(message) for message in messages]
        left = [cut for cut in results if isinstance(cut, Message)]
        sealed = await self._find_sealed(left)
        left = [cut for cut in left if id(cut) not in sealed]
        forged = await self._find_forged(left)
        now = self._clock.now()

        def admit(result: Message | Violation) -> Violation | None:
            if not isinstance(result, Message):
                return result
            if id(result) in sealed:
                return Violation(Rule.SEALED, "in the chain already")
            return forged.get(id(result)) or self._mempool.admit(result, now, is_own=result.sender == own)

        verdicts = [admit(result) for result in results]
        for verdict in verdicts:
            if verdict is not None:
                self._mempool.count_refusal(verdict)
        self._configs.note(
            result
            for result, verdict in zip(results, verdicts, strict=True)
            if verdict is None and isinstance(result, Message)
        )
        self._subjects.log("txdigest", lambda: _describe_digest(verdicts, peer))
        return verdicts

    async def _find_sealed(self, messages: Sequence[Message]) -> set[int]:
        """Messages (by ``id``) that the chain holds, or whose twins it holds."""
        if not messages:
            return set()
        ids = {id(message): self._mempool.list_twin_ids(message) for message in messages}
        known = await self._ledger.get_known_ids(txid for twins in ids.values() for txid in twins)
        return {place for place, twins in ids.items() if not known.isdisjoint(twins)} if known else set()

    async def publish(self, what: int, recipient: str, params: str, value: int) -> Message | None:
        """Sign a message of our own and put it into the mempool; None if policy refuses it (we are not
        registered, or sent the same a moment ago)."""
        signer = self._signer
        message = create_message(
            signer.sign,
            signer.pubkey,
            timestamp=int(self._clock.now()),
            sender=signer.address,
            recipient=recipient,
            what=what,
            params=params,
            value=value,
        )
        verdict = (await self.submit([message]))[0]
        return message if verdict is None else None

    async def _find_forged(self, messages: Sequence[Message]) -> dict[int, Violation]:
        """Messages (by ``id``) whose signature is bad, or was not verified because others of the batch were
        bad (M3)."""
        forged: dict[int, Violation] = {}
        for part in (messages[:PROBE], messages[PROBE:]):
            if 2 * len(forged) > PROBE:
                return forged | {id(message): Violation(Rule.M3, MOST_FORGED) for message in part}
            checks = [SignatureCheck(m.pubkey, m.txid, encode_signed_buffer(m)) for m in part]
            verdicts = await self._verifier.verify(checks, allow_long_ids=False) if checks else []
            forged |= {
                id(message): Violation(Rule.M3, FORGED)
                for message, good in zip(part, verdicts, strict=True)
                if not good
            }
        return forged


def _describe_digest(verdicts: Sequence[Violation | None], peer: str | None) -> str:
    """How many messages of whom were taken, and why the others were not."""
    refused = Counter(verdict.reason for verdict in verdicts if verdict is not None)
    words = "".join(f", {count} refused ({reason})" for reason, count in refused.most_common(_SHOWN_REASONS))
    return f"{verdicts.count(None)} of {len(verdicts)} messages of {peer or 'ours'} taken{words}"
