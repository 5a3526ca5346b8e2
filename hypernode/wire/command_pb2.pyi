from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TX(_message.Message):
    __slots__ = ("txid", "block_height", "timestamp", "sender", "recipient", "what", "value", "params", "pubkey")
    TXID_FIELD_NUMBER: _ClassVar[int]
    BLOCK_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    PUBKEY_FIELD_NUMBER: _ClassVar[int]
    txid: bytes
    block_height: int
    timestamp: int
    sender: str
    recipient: str
    what: int
    value: int
    params: str
    pubkey: bytes
    def __init__(self, txid: _Optional[bytes] = ..., block_height: _Optional[int] = ..., timestamp: _Optional[int] = ..., sender: _Optional[str] = ..., recipient: _Optional[str] = ..., what: _Optional[int] = ..., value: _Optional[int] = ..., params: _Optional[str] = ..., pubkey: _Optional[bytes] = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ("height", "round", "sir", "ts", "previous_hash", "txs", "msg_count", "sources", "signature", "block_hash", "forger")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    SIR_FIELD_NUMBER: _ClassVar[int]
    TS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    TXS_FIELD_NUMBER: _ClassVar[int]
    MSG_COUNT_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    BLOCK_HASH_FIELD_NUMBER: _ClassVar[int]
    FORGER_FIELD_NUMBER: _ClassVar[int]
    height: int
    round: int
    sir: int
    ts: int
    previous_hash: bytes
    txs: _containers.RepeatedCompositeFieldContainer[TX]
    msg_count: int
    sources: int
    signature: bytes
    block_hash: bytes
    forger: str
    def __init__(self, height: _Optional[int] = ..., round: _Optional[int] = ..., sir: _Optional[int] = ..., ts: _Optional[int] = ..., previous_hash: _Optional[bytes] = ..., txs: _Optional[_Iterable[_Union[TX, _Mapping]]] = ..., msg_count: _Optional[int] = ..., sources: _Optional[int] = ..., signature: _Optional[bytes] = ..., block_hash: _Optional[bytes] = ..., forger: _Optional[str] = ...) -> None: ...

class Height(_message.Message):
    __slots__ = ("height", "round", "sir", "block_hash", "uniques", "uniques_round", "forgers", "forgers_round", "forger")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    SIR_FIELD_NUMBER: _ClassVar[int]
    BLOCK_HASH_FIELD_NUMBER: _ClassVar[int]
    UNIQUES_FIELD_NUMBER: _ClassVar[int]
    UNIQUES_ROUND_FIELD_NUMBER: _ClassVar[int]
    FORGERS_FIELD_NUMBER: _ClassVar[int]
    FORGERS_ROUND_FIELD_NUMBER: _ClassVar[int]
    FORGER_FIELD_NUMBER: _ClassVar[int]
    height: int
    round: int
    sir: int
    block_hash: bytes
    uniques: int
    uniques_round: int
    forgers: int
    forgers_round: int
    forger: str
    def __init__(self, height: _Optional[int] = ..., round: _Optional[int] = ..., sir: _Optional[int] = ..., block_hash: _Optional[bytes] = ..., uniques: _Optional[int] = ..., uniques_round: _Optional[int] = ..., forgers: _Optional[int] = ..., forgers_round: _Optional[int] = ..., forger: _Optional[str] = ...) -> None: ...

class IP(_message.Message):
    __slots__ = ("ipv4", "ipv6a", "ipv6b", "port")
    IPV4_FIELD_NUMBER: _ClassVar[int]
    IPV6A_FIELD_NUMBER: _ClassVar[int]
    IPV6B_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    ipv4: int
    ipv6a: int
    ipv6b: int
    port: int
    def __init__(self, ipv4: _Optional[int] = ..., ipv6a: _Optional[int] = ..., ipv6b: _Optional[int] = ..., port: _Optional[int] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("command", "string_value", "int32_value", "height_value", "block_value", "tx_values", "ip_values", "hash_values", "features", "nonce", "pubkey", "proof", "version")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        hello: _ClassVar[Command.Type]
        ok: _ClassVar[Command.Type]
        ko: _ClassVar[Command.Type]
        ping: _ClassVar[Command.Type]
        peers: _ClassVar[Command.Type]
        status: _ClassVar[Command.Type]
        block: _ClassVar[Command.Type]
        tx: _ClassVar[Command.Type]
        mempool: _ClassVar[Command.Type]
        update: _ClassVar[Command.Type]
        height: _ClassVar[Command.Type]
        blockinfo: _ClassVar[Command.Type]
        blocksync: _ClassVar[Command.Type]
        roundblocks: _ClassVar[Command.Type]
        getblock: _ClassVar[Command.Type]
        getaddtxs: _ClassVar[Command.Type]
        gettx: _ClassVar[Command.Type]
        getheaders: _ClassVar[Command.Type]
        getround: _ClassVar[Command.Type]
        gethypernodes: _ClassVar[Command.Type]
        test: _ClassVar[Command.Type]
        getheights: _ClassVar[Command.Type]
        getconfig: _ClassVar[Command.Type]
        auth: _ClassVar[Command.Type]
    hello: Command.Type
    ok: Command.Type
    ko: Command.Type
    ping: Command.Type
    peers: Command.Type
    status: Command.Type
    block: Command.Type
    tx: Command.Type
    mempool: Command.Type
    update: Command.Type
    height: Command.Type
    blockinfo: Command.Type
    blocksync: Command.Type
    roundblocks: Command.Type
    getblock: Command.Type
    getaddtxs: Command.Type
    gettx: Command.Type
    getheaders: Command.Type
    getround: Command.Type
    gethypernodes: Command.Type
    test: Command.Type
    getheights: Command.Type
    getconfig: Command.Type
    auth: Command.Type
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
    INT32_VALUE_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_VALUE_FIELD_NUMBER: _ClassVar[int]
    BLOCK_VALUE_FIELD_NUMBER: _ClassVar[int]
    TX_VALUES_FIELD_NUMBER: _ClassVar[int]
    IP_VALUES_FIELD_NUMBER: _ClassVar[int]
    HASH_VALUES_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    PUBKEY_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    command: Command.Type
    string_value: str
    int32_value: int
    height_value: Height
    block_value: _containers.RepeatedCompositeFieldContainer[Block]
    tx_values: _containers.RepeatedCompositeFieldContainer[TX]
    ip_values: _containers.RepeatedCompositeFieldContainer[IP]
    hash_values: _containers.RepeatedScalarFieldContainer[bytes]
    features: int
    nonce: bytes
    pubkey: bytes
    proof: bytes
    version: int
    def __init__(self, command: _Optional[_Union[Command.Type, str]] = ..., string_value: _Optional[str] = ..., int32_value: _Optional[int] = ..., height_value: _Optional[_Union[Height, _Mapping]] = ..., block_value: _Optional[_Iterable[_Union[Block, _Mapping]]] = ..., tx_values: _Optional[_Iterable[_Union[TX, _Mapping]]] = ..., ip_values: _Optional[_Iterable[_Union[IP, _Mapping]]] = ..., hash_values: _Optional[_Iterable[bytes]] = ..., features: _Optional[int] = ..., nonce: _Optional[bytes] = ..., pubkey: _Optional[bytes] = ..., proof: _Optional[bytes] = ..., version: _Optional[int] = ...) -> None: ...
