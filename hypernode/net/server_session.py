"""The state of one session that came in, and what becomes of each frame (spec 2): hello, proof, then
questions, each checked against the catalogue, paid for in tokens, and given to the handler.

``net.server`` gives it a place and ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Final, NoReturn, TypeAlias

from hypernode.core.errors import Ignore, OverLimit, Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Block
from hypernode.net.admission import Admission
from hypernode.net.answering import Answering
from hypernode.net.budgets import Budgets
from hypernode.net.caller import Caller, Handler, SessionEnd
from hypernode.net.proving import Keys, ProvingPlace
from hypernode.net.session import make_hello, switch_framing
from hypernode.net.signed_hello import AnsweringProof, Identity, limit_features
from hypernode.net.standing import Standing
from hypernode.net.stream import CommandStream, decode_question
from hypernode.net.token_bucket import TokenBucket
from hypernode.ports.clock import Clock
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.ports.signing import Offload
from hypernode.wire.block_heads import peek_block_heads
from hypernode.wire.catalogue import COMMANDS, CommandId, Limits, Who, get_question_limit
from hypernode.wire.codec import Command
from hypernode.wire.framing import ForeignNetwork, Framing
from hypernode.wire.hello import FEATURE_SIGNED_HELLO, Hello, get_posnet, parse_hello
from hypernode.wire.tags import RULE, peek_command_id

ScreenBlock: TypeAlias = Callable[[str, Block], Awaitable[None]]
"""Sees the IP that a block came from and the block without its messages; raises Ignore for one that is
refused."""
NO_KEYS: Final = Keys()
OFFENCE_COST: Final = 40.0
"""Tokens of an IP from which a registered key is connected: ten offences at once, and one a second; then the
IP is held for them, and only the key, a block or a test come in."""


class ServerSession:
    """The state of one incoming session."""

    def __init__(
        self,
        transport: Transport,
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
        identity: Identity | None,
        offload: Offload,
        keys: Keys,
        screen_block: ScreenBlock | None,
        posnet_allow: Collection[str],
    ) -> None:
        self._posnet_allow = posnet_allow
        self._params = params
        self._limits = limits
        self._clock = clock
        self._our_hello = our_hello
        self._features = limit_features(features, identity)
        self._identity = identity
        self._proof: AnsweringProof | None = None
        self._admission = admission
        self._is_registered = is_registered
        self._on_hello = on_hello
        self._handler = handler
        now = clock.monotonic()
        framing = Framing(params.magic, self._limit_of)
        self._stream = CommandStream(
            transport, framing, limits, clock, offload, on_held=self._note_held, screen=self._screen
        )
        self._bucket = TokenBucket(limits.session_burst, limits.session_rate, now)
        self._questions = budgets.questions
        self._holds_much = False
        self._answering = Answering(self, self._stream, limits, clock, budgets)
        self._caller = Caller(
            self._stream, transport.remote, now, admission.standing_of, self._answering.expect
        )
        self._screen_block = screen_block
        self._keys = keys
        self._proving: ProvingPlace | None = None
        self._refusal: Ignore | None = None
        """Why it has no place, as long as it has only one to prove a key from."""
        self._purse = transport.remote.ip
        """Whose tokens it pays with."""
        self._key_name = ""
        self.is_busy = False
        self.gave_way = False

    def let_prove(self, refusal: Ignore) -> ProvingPlace:
        """The session was refused a place, and is let in only to prove a key."""
        ip = self._caller.ip
        self._refusal, self._purse = refusal, f"proofs of {ip}"
        self._proving = self._admission.proving.take(ip, self)
        return self._proving

    def end_by_offence(self, verdict: Reject) -> SessionEnd:
        """The IP is held for it, and the key if one was proved.  Who came from an IP that has no way in for
        others makes nothing worse for those.  A block that is too large to be pushed (rule 14) is ignored: a
        stranger may have filled the mempool of an honest legacy juror."""
        if self._refusal is not None or (isinstance(verdict, OverLimit) and self._is_pushed_block()):
            return SessionEnd(verdict.reason)
        now, ip, address = self._clock.monotonic(), self._caller.ip, self._caller.proved_address
        if address is not None and self._keys.is_key_of(ip, address):
            self._admission.hold(address, now)
        elif self._keys.is_proved_at(ip) and self._admission.get_bucket(ip, now).take(OFFENCE_COST, now) == 0:
            # beside a proved key an IP is not held for what others of it do, as long as they can pay for it
            return SessionEnd(verdict.reason, is_offence=True)
        return SessionEnd(verdict.reason, is_offence=True, held_s=self._admission.hold(ip, now))

    def _is_pushed_block(self) -> bool:
        """Whether the frame being received is a block from an IP that may push blocks."""
        is_block = self._stream.framing.command_id is CommandId.BLOCK
        return is_block and self._is_registered(self._caller.ip)

    @property
    def caller(self) -> Caller:
        return self._caller

    @property
    def is_gone(self) -> bool:
        return self._stream.is_gone

    @property
    def last_active(self) -> float:
        return self._stream.last_progress

    @property
    def standing(self) -> Standing:
        return self._caller.standing

    @property
    def is_listed(self) -> bool:
        return self.standing is not Standing.STRANGER

    @property
    def name(self) -> str:
        """The key of its turns: that of a proved key, or the name that anybody at its IP can use."""
        return self._key_name or self._caller.name

    @property
    def ip(self) -> str:
        return self._caller.ip

    def give_way(self) -> None:
        """End it, because another session needs the place or the room."""
        self.gave_way = True
        self.close()
        self._answering.drop()

    def close(self) -> None:
        """End the connection."""
        self._stream.close()
        self._let_go()

    def _note_held(self, size: int) -> None:
        """So many bytes of a long question are here."""
        self._holds_much = True
        self._questions.note(self, size)

    def _let_go(self) -> None:
        """The long question is answered."""
        if self._holds_much:
            self._holds_much = False
            self._questions.note(self, 0)

    async def run(self) -> NoReturn:
        """Answer one question after the other.  It ends only by what it raises."""
        while True:
            is_known = self._caller.hello is not None and self._proof is None
            wait_s = self._limits.silence_s if is_known else self._limits.first_frame_s
            self._rest()
            try:
                question = await self._stream.read_question(wait_s)
            except ForeignNetwork as foreign:
                await self._refuse(f"another network: {foreign.reason}", ForeignNetwork)
            self._check_place()
            self._caller.commands[question.id] += 1
            self.is_busy = True
            if self._refusal is not None and not self._may_go_on(question.id):
                raise self._refusal
            self._answering.begin(question.id)
            wait_s = self._pay(question.id)
            if wait_s > 0:
                if self.is_listed:
                    wait_s = min(wait_s, self._answering.get_time_left())
                await asyncio.sleep(wait_s)
                self._check_place()
            if self._proof is not None:
                await self._take_proof(await decode_question(question), self._proof)
                continue
            if question.id is CommandId.HELLO:
                await self._take_hello(await decode_question(question))
                continue
            await self._check(question.id)
            await self._answering.answer(question, partial(self._handler, self._caller), self._rest)
            del question

    def _check_place(self) -> None:
        """Who gave way while its question was read, or waited for tokens, waits no further: what it
        carried is let go.  Raises TransportClosed."""
        if self.gave_way:
            raise TransportClosed("gave way")

    def _rest(self) -> None:
        """Nothing of ours is waited for: it is the peer's turn to send, or to read an answer."""
        self.is_busy = False
        self._let_go()

    async def _screen(self, payload: bytes) -> None:
        """Look at a block before it is parsed, if it may be pushed from there at all."""
        is_block = peek_command_id(payload) is CommandId.BLOCK
        if self._screen_block is not None and is_block and self._is_registered(self._caller.ip):
            for header in peek_block_heads(payload, self._limits):
                await self._screen_block(self._caller.ip, header)

    def _may_go_on(self, command_id: CommandId) -> bool:
        """Without a place: only towards a proof, and, where a key was proved from this IP, with what its
        hypernode sends without a hello."""
        if command_id is CommandId.HELLO or self._proof is not None:
            return True
        return COMMANDS[command_id].is_before_hello and self._keys.is_proved_at(self._caller.ip)

    def _pay(self, command_id: CommandId) -> float:
        """Seconds that who asks much waits for its answer; who also does not wait for its answers is cut off,
        unless it is registered: it may have much to catch up with, and pays less."""
        cost, now, ip = COMMANDS[command_id].cost, self._clock.monotonic(), self._caller.ip
        if self._admission.standing_of(ip).is_peer:
            cost /= self._limits.registered_ease
        wait_s = max(
            self._bucket.take(cost, now), self._admission.get_bucket(self._purse, now).take(cost, now)
        )
        if wait_s > 0 and self._stream.framing.is_in_frame and not self._is_registered(ip):
            raise Reject(RULE, "a flood of requests")
        return wait_s

    async def _check(self, command_id: CommandId) -> None:
        """Check whether this caller may ask that; what depends on lists of the node is left to the
        handler."""
        spec = COMMANDS[command_id]
        if self._caller.hello is None and not spec.is_before_hello:
            await self._refuse("Did not say hello")
        if spec.is_feature_only and not self._caller.features:
            raise Ignore(RULE, f"{spec.name} from a peer without features")
        if command_id is CommandId.AUTH:
            raise Ignore(RULE, "a proof that was not asked for")
        if spec.who is Who.REGISTERED and not self._is_registered(self._caller.ip):
            raise Reject(RULE, f"{spec.name} from an IP that is not registered")

    async def _refuse(self, reason: str, verdict: type[Ignore] = Ignore) -> NoReturn:
        await self._stream.write_command(Command(CommandId.KO, string=reason))
        raise verdict(RULE, reason)

    async def _take_hello(self, command: Command) -> None:
        if self._caller.hello is not None:
            raise Ignore(RULE, "a second hello")
        text = command.string or ""
        posnet = get_posnet(text)
        if posnet not in self._posnet_allow:
            await self._refuse(f"Bad Posnet {posnet}", ForeignNetwork)
        hello = parse_hello(text)
        self._caller.note_hello(hello)
        if self._refusal is not None and not self._can_prove(command, hello):
            raise self._refusal
        has_features = command.features is not None and self._features != 0
        self._caller.note_features(self._features & (command.features or 0))
        if self._identity is not None and self._caller.features & FEATURE_SIGNED_HELLO:
            address_byte = self._params.address_byte
            self._proof = AnsweringProof(self._identity, command, hello.address, address_byte)
        else:
            self._on_hello(self._caller)
        answer = make_hello(
            self._our_hello,
            self._features if has_features else 0,
            nonce=self._proof.nonce if self._proof else None,
            pubkey=self._proof.pubkey if self._proof else None,
            proof=self._proof.proof if self._proof else None,
        )
        await self._stream.write_command(answer)
        switch_framing(self._stream.framing, self._caller.features)

    def _can_prove(self, command: Command, hello: Hello) -> bool:
        """Whether a hello may become the proof of a key that is registered for its IP, and not on hold."""
        is_signed = bool(self._features & (command.features or 0) & FEATURE_SIGNED_HELLO)
        is_held = self._admission.is_on_hold(hello.address, self._clock.monotonic())
        return is_signed and not is_held and self._keys.is_key_of(self._caller.ip, hello.address)

    def _note_proof(self, address: str) -> None:
        """It proved the key of its hello.  A registered one has a place by that, and tokens of its own:
        others of its IP can use neither up."""
        self._proof = None
        self._caller.note_proof(address)
        if self._keys.is_key_of(self._caller.ip, address):
            self._purse = address
            self._key_name = f"key {address}"
            self._refusal = None
            if self._proving is not None:
                self._proving.prove(address)

    async def _take_proof(self, command: Command, proof: AnsweringProof) -> None:
        """The frame after a signed hello.  A wrong one is told so, and is an offence all the same when the
        peer does not wait to hear it."""
        try:
            proof.check(command)
        except Reject as verdict:
            with contextlib.suppress(TransportClosed, TimeoutError):
                await self._stream.write_command(Command(CommandId.KO, string=verdict.reason))
            raise
        if self._caller.hello is not None:
            self._note_proof(self._caller.hello.address)
        self._on_hello(self._caller)
        await self._stream.write_command(Command(CommandId.OK))

    def _limit_of(self, command_id: CommandId | None, is_first_frame: bool) -> int:
        """The most bytes that a question may have; for strangers and before the hello it is less."""
        limits, is_registered = self._limits, self._is_registered(self._caller.ip)
        is_narrow = self._refusal is not None and not self._keys.is_proved_at(self._caller.ip)
        if self._proof is not None or is_narrow:
            return limits.first_frame_bytes
        if self._caller.hello is None:
            first = limits.first_frame_registered_bytes if is_registered else limits.first_frame_bytes
            if command_id is None:
                return first
            if not COMMANDS[command_id].is_before_hello or command_id is CommandId.HELLO:
                return limits.first_frame_bytes
            return min(first, get_question_limit(limits, command_id))
        if command_id is None:
            return max(limits.mempool_bytes, limits.pushed_block_bytes if is_registered else 0)
        if COMMANDS[command_id].who is Who.REGISTERED and not is_registered:
            return limits.request_bytes
        return get_question_limit(limits, command_id)
