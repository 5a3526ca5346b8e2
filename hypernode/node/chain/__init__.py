"""Our chain: blocks are judged, stored, cut off, checked, imported and repaired here."""
