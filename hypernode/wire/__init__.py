"""Bytes to messages and back: schema, catalogue of commands, codec, framing.  No sockets."""
