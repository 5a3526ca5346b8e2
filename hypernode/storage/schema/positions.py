"""The migration that gave a message's place in its block 20 bits of its row id, where it had 16.

Legacy nodes read blocks of 100 MiB, which have room for over half a million of the shortest messages.
"""

from __future__ import annotations

from typing import Final

_COLUMNS: Final = "txid, timestamp, signer_id, recipient_id, what, params_id, value, received"

WIDEN: Final = (
    """CREATE TABLE wider(
        id INTEGER PRIMARY KEY, txid BLOB NOT NULL, txid_key BLOB AS (substr(txid, -4)) VIRTUAL,
        timestamp INTEGER NOT NULL, signer_id INTEGER NOT NULL, recipient_id INTEGER NOT NULL,
        what INTEGER NOT NULL, params_id INTEGER NOT NULL, value INTEGER NOT NULL,
        received INTEGER NOT NULL) STRICT""",
    f"""INSERT INTO wider(id, {_COLUMNS})
        SELECT (id >> 16 << 20) | (id & 65535), {_COLUMNS} FROM messages ORDER BY id""",
    "DROP TABLE messages",
    "ALTER TABLE wider RENAME TO messages",
    "CREATE INDEX messages_by_txid ON messages(txid_key)",
)
