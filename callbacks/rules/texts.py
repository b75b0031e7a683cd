"""Texts that people and programs send: how long they may be, and what cannot be stored."""

import unicodedata

CONTACT_NAME = 200
REASON = 2000
TICKET = 100
CONVERSATION = 100
EXTERNAL_DATA_BYTES = 16 * 1024
EXTERNAL_DATA_DEPTH = 50


def problem_with(text: str, limit: int) -> str:
    """What is wrong with a text, in words; empty when nothing is."""
    if len(text) > limit:
        return f"At most {limit:,} characters fit here; this has {len(text):,}. Shorten it."
    if any(_is_unstorable(character) for character in text):
        return "There is an invisible control character in this text. Type it anew, or paste it as plain text."
    return ""


def _is_unstorable(character: str) -> bool:
    if character in "\n\r\t":
        return False
    return unicodedata.category(character) in {"Cc", "Cs"}
