"""The pool: messages that are valid, not sealed yet, and offered to peers until they are.

Pure: time is handed in, storing and sending are others' work.  Equal signed buffers are one message,
whatever their ids (spec 1, twins), so the pool is keyed by buffer, with the ids beside.  Every message
gets a number when it comes in; exchanges go by these (``exchange``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from hypernode.core.errors import Reject
from hypernode.core.message import encode_signed_buffer, normalise_cut
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import UNCHECKED, Rule, Unchecked, Violation
from hypernode.core.timeline import compute_round_slot
from hypernode.core.types import Message, Round
from hypernode.core.validate_message import find_sender_violation, find_time_violation
from hypernode.mempool.exchange import PeerNotes
from hypernode.mempool.policy import find_policy_violation, find_signature_violation, is_ripe, list_twin_ids

MAX_MESSAGES: Final = 60_000
"""Messages in the pool: an hour (the age limit) of full blocks on main, 20 times 3,000; some 60 MB."""
LESSER_PART: Final = 4
"""A quarter of the quota for a sender that does not count (spec 3), and of the room for all of them together,
or 1,200 registrations of 0.01 BIS could fill the pool in an hour."""
MAX_REASONS: Final = 64
"""Reasons of refusal that are counted apart; the rest together, so that no peer can invent counters."""
OTHER_REASONS: Final = "other"
_OVER_QUOTA: Final = Violation(Rule.QUOTA, "over the quota of its sender for the round")


@dataclass(frozen=True, slots=True)
class _Entry:
    number: int
    buffer: bytes
    message: Message


class Mempool:
    """The messages that we keep and offer on one network."""

    def __init__(self, params: ChainParams, max_messages: int = MAX_MESSAGES) -> None:
        self._params = params
        self._max_messages = max_messages
        self._entries: dict[bytes, _Entry] = {}
        """By txid, in the order in which they came."""
        self._ids: dict[bytes, bytes] = {}
        """Signed buffer → txid of the one message that we hold for it."""
        self._order: list[tuple[int, bytes]] = []
        """(number, txid), ascending; entries that went are left in and skipped until ``_compact``."""
        self._next_number = 0
        self._quota: Counter[tuple[Round, str]] = Counter()
        self._lesser: frozenset[str] = frozenset()
        """Senders that do not count (spec 3)."""
        self._lesser_held = 0
        self._refused: Counter[str] = Counter()
        self._peers: dict[str, PeerNotes] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def set_lesser(self, senders: frozenset[str]) -> None:
        """Who does not count.  Their messages get a part of the quota, and all of them together a part of the
        room, so that cheap registrations do not push out others."""
        self._lesser = senders
        self._lesser_held = sum(entry.message.sender in senders for entry in self._entries.values())

    # --- in -----------------------------------------------------------------------------------------

    def screen(
        self,
        message: Message,
        now: float,
        *,
        registered: Collection[str] | Unchecked,
        in_chain: bool = False,
        is_own: bool = False,
        signature_ok: bool = True,
    ) -> Violation | None:
        """What keeps a message out; its signature is taken as good.  Nothing is changed or counted."""
        broken = find_policy_violation(self._params, message, now, registered, signature_ok)
        if broken is not None:
            return broken
        # One of equal buffers [IGNORE]
        if encode_signed_buffer(message) in self._ids or message.txid in self._entries:
            return Violation(Rule.KNOWN, "known")
        # Neither it nor its twin in the chain [IGNORE]
        if in_chain:
            return Violation(Rule.SEALED, "in the chain already")
        return None if is_own else self._find_shortage(message)

    def find_sender_violation(
        self,
        message: Message,
        now: float,
        *,
        registered: Collection[str],
        is_own: bool = False,
        pending: int = 0,
    ) -> Violation | None:
        """What keeps a message out at first sight: its time, its sender's right and quota, and room.
        ``pending``: so many of the sender's messages are about to come in.  Our own are bound by that too,
        because anybody can write our name on a message."""
        untimely = find_time_violation(self._params, message, now)
        if untimely is not None:
            return untimely
        broken = find_sender_violation(self._params, message, registered)
        if broken is not None:
            return broken
        if is_own:
            return _OVER_QUOTA if pending >= self._params.sender_quota else None
        return self._find_shortage(message, pending)

    def _find_shortage(self, message: Message, pending: int = 0) -> Violation | None:
        is_lesser = message.sender in self._lesser
        # Quota of a sender and round [IGNORE]: relaying what another sender wrote is no fault of a peer's
        part = LESSER_PART if is_lesser else 1
        if self._quota[self._quota_key(message)] + pending >= max(1, self._params.sender_quota // part):
            return _OVER_QUOTA
        # Room [IGNORE]
        if len(self._entries) >= self._max_messages:
            return Violation(Rule.ROOM, "full")
        if is_lesser and self._lesser_held >= self._max_messages // LESSER_PART:
            return Violation(Rule.ROOM, "full for senders that do not count")
        return None

    def admit(self, message: Message, now: float, *, is_own: bool = False) -> Violation | None:
        """Take a message that was screened, normalised and verified.  What came in meanwhile may still keep
        it out."""
        if encode_signed_buffer(message) in self._ids or message.txid in self._entries:
            return Violation(Rule.KNOWN, "known")
        shortage = None if is_own else self._find_shortage(message)
        if shortage is None:
            self.add(replace(message, block_height=0, received=0 if is_own else int(now)))
        return shortage

    def count_refusal(self, broken: Violation) -> None:
        """Count a message that is not taken, by the reason.  A message that we have already is no refusal:
        that is how messages spread."""
        if broken.rule is not Rule.KNOWN:
            self._count_refusal(broken)

    def offer(
        self,
        message: Message,
        now: float,
        *,
        registered: Collection[str] | Unchecked,
        in_chain: bool = False,
        is_own: bool = False,
        signature_ok: bool | Unchecked = UNCHECKED,
    ) -> Violation | None:
        """Take a message, or say why not (and count it by reason).

        ``registered``: see ``find_policy_violation``; ``in_chain``: one of ``list_twin_ids`` is in a block;
        ``signature_ok``: the verdict when it was verified elsewhere, UNCHECKED to verify here; ``is_own``:
        ours, neither bound by quota nor by room.  A message that is cut elsewhere than at a valid recipient
        is taken with the right cut (spec 4)."""
        cut = normalise_cut(message, self._params.address_byte)
        broken = self.screen(
            cut,
            now,
            registered=registered,
            in_chain=in_chain,
            is_own=is_own,
            signature_ok=signature_ok is not False,
        )
        if broken is None and signature_ok is UNCHECKED:
            broken = find_signature_violation(self._params, cut)
        if broken is not None:
            self.count_refusal(broken)
            return broken
        received = 0 if is_own else int(now)
        self.add(replace(cut, block_height=0, received=received))
        return None

    def add(self, message: Message) -> None:
        """Put in a message that was checked (``offer`` does both).  Equal ones and twins are left out."""
        buffer = encode_signed_buffer(message)
        if buffer in self._ids or message.txid in self._entries:
            return
        self._entries[message.txid] = _Entry(self._next_number, buffer, message)
        self._ids[buffer] = message.txid
        self._order.append((self._next_number, message.txid))
        self._next_number += 1
        self._quota[self._quota_key(message)] += 1
        self._lesser_held += message.sender in self._lesser

    def return_messages(
        self, messages: Iterable[Message], now: float, *, registered: Collection[str] | Unchecked = UNCHECKED
    ) -> int:
        """Take back the messages of dropped blocks that the better branch does not have; returns how many
        came in.

        Their signatures are known to be good.  Policy holds (a chain shared with legacy nodes may hold
        what we would not offer), the quota does not: they were counted when they came first."""
        taken = 0
        for message in messages:
            if self.screen(message, now, registered=registered, is_own=True) is None:
                self.add(replace(message, block_height=0))
                taken += 1
        return taken

    # --- out ----------------------------------------------------------------------------------------

    def remove(self, sealed: Iterable[Message | bytes]) -> int:
        """Drop messages that a block holds now, by message or id, and everything with an equal signed buffer.
        Returns how many were dropped."""
        before = len(self._entries)
        if not before:
            return 0
        for item in sealed:
            if isinstance(item, Message):
                # its twin has an equal buffer, and one of these is held at most: where it is this, no other
                is_held = self.holds(item)
                self._drop(item.txid)
                if not is_held:
                    self._drop_equal(item)
            else:
                for txid in list_twin_ids(item):
                    self._drop(txid)
        self._compact()
        return before - len(self._entries)

    def expire(self, now: float) -> int:
        """Drop messages over the age limit, and the quotas of past rounds; returns how many messages were
        dropped."""
        oldest = now - self._params.message_age_s
        old = [entry for entry in self._entries.values() if entry.message.timestamp < oldest]
        for entry in old:
            self._drop(entry.message.txid)
        self._compact()
        last_round = compute_round_slot(self._params, oldest)[0]
        for key in [key for key in self._quota if key[0] < last_round]:
            del self._quota[key]
        return len(old)

    # --- looking ------------------------------------------------------------------------------------

    def get_all(self) -> list[Message]:
        """Every message, in the order in which they came: to be sealed, shown or saved."""
        return [entry.message for entry in self._entries.values()]

    def since(self, received: int) -> list[Message]:
        """Messages that came at ``received`` (unix s) or later.  Our own have 0: only a question since 0
        returns them."""
        return [m for m in self.get_all() if m.received >= received]

    def holds(self, message: Message) -> bool:
        """Whether exactly this message is in the pool, byte for byte as signed and with this key and id:
        then it was verified."""
        entry = self._entries.get(message.txid)
        if entry is None:
            return False
        held = entry.message
        return (
            held.pubkey == message.pubkey
            and held.timestamp == message.timestamp
            and held.sender == message.sender
            and held.recipient == message.recipient
            and held.what == message.what
            and held.params == message.params
            and held.value == message.value
        )

    def list_twin_ids(self, message: Message) -> tuple[bytes, ...]:
        """The ids under which a chain may hold the message."""
        return list_twin_ids(message.txid)

    def get_counts(self) -> dict[str, int]:
        """Messages, distinct senders and distinct recipients, under the names of the status (spec 6)."""
        messages = self.get_all()
        return {
            "NB": len(messages),
            "SENDERS": len({message.sender for message in messages}),
            "RECIPIENTS": len({message.recipient for message in messages}),
        }

    def get_refusals(self) -> Mapping[str, int]:
        """How many messages were not taken, by reason."""
        return dict(self._refused)

    # --- exchange -----------------------------------------------------------------------------------

    def take_new_for(self, peer: str, limit: int, now: float) -> list[Message]:
        """Messages to send to a peer now, at most ``limit``: those that are new since the last exchange with
        it and did not come from it.  Those that do not fit, or are not ripe, go next time.  If sending fails,
        call ``forget_peer``: the peer then gets everything again."""
        notes = self._peers.setdefault(peer, PeerNotes())
        batch: list[Message] = []
        waiting, notes.unripe = notes.unripe, []
        for place, number in enumerate(waiting):
            if len(batch) >= limit:
                notes.unripe.extend(waiting[place:])
                break
            self._take(notes, number, now, batch)
        place = bisect_left(self._order, (notes.next_number, b""))
        while len(batch) < limit and place < len(self._order):
            newest = self._order[place][0]
            notes.next_number = newest + 1
            self._take(notes, newest, now, batch)
            place += 1
        return batch

    def note_from(self, peer: str, messages: Iterable[Message]) -> None:
        """A peer sent these messages: it is not sent them back."""
        self._peers.setdefault(peer, PeerNotes()).note(message.txid for message in messages)

    def forget_peer(self, peer: str) -> None:
        """The connection to the peer ended."""
        self._peers.pop(peer, None)

    def offer_anew(self) -> None:
        """Our clock was set.  Peers refused what they were sent too early, even if its time has come since,
        so they are sent everything once more when it is ripe."""
        for notes in self._peers.values():
            notes.next_number = 0
            notes.unripe.clear()

    # --- inside -------------------------------------------------------------------------------------

    def _take(self, notes: PeerNotes, number: int, now: float, batch: list[Message]) -> None:
        """Put the message of a number into the batch, unless it was dropped, came from the peer or is not
        ripe."""
        entry = self._get_numbered(number)
        if entry is None or notes.forgive(entry.message.txid):
            return
        if is_ripe(self._params, entry.message, now):
            batch.append(entry.message)
        else:
            notes.unripe.append(number)

    def _get_numbered(self, number: int) -> _Entry | None:
        place = bisect_left(self._order, (number, b""))
        if place == len(self._order) or self._order[place][0] != number:
            return None
        entry = self._entries.get(self._order[place][1])
        return entry if entry is not None and entry.number == number else None

    def _drop_equal(self, message: Message) -> None:
        """Drop a message that was signed twice: it has two ids that are no twins."""
        try:
            held = self._ids.get(encode_signed_buffer(message))
        except Reject:
            return
        if held is not None:
            self._drop(held)

    def _drop(self, txid: bytes) -> None:
        entry = self._entries.pop(txid, None)
        if entry is not None:
            del self._ids[entry.buffer]
            self._lesser_held -= entry.message.sender in self._lesser

    def _compact(self) -> None:
        """Delete the places of dropped messages once they outnumber the rest, so that each is paid for
        once."""
        if len(self._order) > 2 * len(self._entries) + 16:
            self._order = [(entry.number, txid) for txid, entry in self._entries.items()]

    def _quota_key(self, message: Message) -> tuple[Round, str]:
        return compute_round_slot(self._params, message.timestamp)[0], message.sender

    def _count_refusal(self, broken: Violation) -> None:
        reason = str(broken)
        if reason not in self._refused and len(self._refused) >= MAX_REASONS:
            reason = OTHER_REASONS
        self._refused[reason] += 1
