"""``signatures.json``: which signatures are valid (spec 1, keys and signatures)."""

from __future__ import annotations

from hypernode.core.rules import Rule
from hypernode.core.signing import compute_pubkey, is_valid_signature, sign
from hypernode.core.types import ID_BYTES, MAX_ID_BYTES, PUBKEY_BYTES
from hypernode.vectors.outcome import Agree, Differs, DiffersAsDocumented, Json, Outcome


def run_case(document: Json, case: Json) -> Outcome:
    """Judge one signature, and that ours by the same key verifies.

    Long ids are judged as in a block of a mixed network; other lengths are refused as spec 1 says, even
    where one of the legacy back ends takes them."""
    pubkey, signature = bytes.fromhex(case["pubkey"]), bytes.fromhex(case["signature"])
    message = bytes.fromhex(case["message"])
    got = is_valid_signature(pubkey, signature, message, allow_long_ids=True)
    if got != case["valid"]:
        return _explain(case["valid"], got, pubkey, signature)
    if case.get("privkey"):
        privkey = bytes.fromhex(case["privkey"])
        if not is_valid_signature(compute_pubkey(privkey), sign(privkey, message), message):
            return Differs("a signature of ours that verifies", "one that does not")
    return Agree()


def _explain(expected: bool, got: bool, pubkey: bytes, signature: bytes) -> Outcome:
    if len(pubkey) != PUBKEY_BYTES and not got:
        text = f"keys have {PUBKEY_BYTES} bytes, not {len(pubkey)}"
        return DiffersAsDocumented(Rule.DATA, text, "valid", "refused")
    if not ID_BYTES <= len(signature) <= MAX_ID_BYTES and not got:
        text = f"ids have {ID_BYTES} to {MAX_ID_BYTES} bytes, not {len(signature)}"
        return DiffersAsDocumented(Rule.DATA, text, "valid", "refused")
    return Differs("valid" if expected else "refused", "valid" if got else "refused")
