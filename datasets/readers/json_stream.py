"""Read a large JSON file record by record: `{outer: {inner: record}}`, never more than one record in memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, Protocol

from nasbench.errors import ImportFileError, UnsafeFileError

CHUNK = 1 << 20
MAX_KEY = 1000


class Stream(Protocol):
    """What gives bytes: a file, or a member of an archive."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes more; none at the end."""
        ...


def nested_records(stream: Stream, source: str, max_record: int) -> Iterator[tuple[str, str, Any]]:
    """Each record of a JSON text `{outer key: {inner key: record, ...}, ...}` in UTF-8, as it comes.

    NaN and infinities may occur as numbers of a record.

    Args:
        stream: the text.
        source: what it is, for errors.
        max_record: characters that a record may have.

    Yields:
        Outer key, inner key, and the record, an object.

    Raises:
        ImportFileError: no UTF-8, no JSON of this form, nested too deeply, truncated, or a key that is there twice.
        UnsafeFileError: a record or key that is too long.
    """
    text = _Text(stream, source, max_record)
    for outer in text.members():
        for inner in text.members():
            if text.peek() != "{":
                raise text.error(f"{outer}, {inner}: expected an object")
            yield outer, inner, text.value(max_record)
    if text.peek():
        raise text.error("there is more behind its end")


class _Text:
    """The part of the text that is in memory, and how far it was read."""

    def __init__(self, stream: Stream, source: str, max_record: int) -> None:
        self._stream, self._source = stream, source
        self._decoder = json.JSONDecoder(object_pairs_hook=_unique)
        self._bytes = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at, self._ended = "", 0, False

    def error(self, what: str) -> ImportFileError:
        """An error about this text."""
        return ImportFileError(f"{self._source} is no JSON of this format: {what}")

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in " \t\n\r":
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def members(self) -> Iterator[str]:
        """The keys of an object, each when its value is next; the caller reads the values."""
        self._take("{")
        seen: set[str] = set()
        while self.peek() != "}":
            if seen:
                self._take(",")
            if self.peek() != '"':
                raise self.error("expected a key")
            key = self.value(MAX_KEY)
            if key in seen:
                raise self.error(f"{key[:80]!r} is there twice")
            seen.add(key)
            self._take(":")
            yield key
        self._take("}")

    def value(self, longest: int) -> Any:
        """The value that begins at `peek`: an object or a string, whose end is part of it."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if not self._cut_off(error):
                    raise self.error(str(error)) from error
                if len(self._text) - self._at > longest:
                    raise self._too_long(longest) from error
                if not self._more():
                    raise self.error(str(error)) from error
                continue
            if end - self._at > longest:
                raise self._too_long(longest)
            self._at = end
            return value

    def _cut_off(self, error: Exception) -> bool:
        """Whether a value may only lack what was not read yet: no other error is far from the end of the text."""
        return isinstance(error, json.JSONDecodeError) and (
            error.pos > len(self._text) - 32 or error.msg.startswith("Unterminated")
        )

    def _too_long(self, longest: int) -> UnsafeFileError:
        return UnsafeFileError(f"{self._source}: a value has more than the {longest:,} characters it may have")

    def _take(self, mark: str) -> None:
        found = self.peek()
        if found != mark:
            raise self.error(f"expected {mark!r}, found {found or 'its end'!r}")
        self._at += 1

    def _more(self) -> bool:
        """Read on; false at the end. The amount doubles with what is kept, so that a long value is cheap."""
        if self._ended:
            return False
        kept = self._text[self._at :]
        try:
            content = self._stream.read(max(CHUNK, len(kept)))
            self._ended = not content
            self._text, self._at = kept + self._bytes.decode(content, final=self._ended), 0
        except UnicodeDecodeError as error:
            raise self.error(str(error)) from error
        except OSError as error:
            raise ImportFileError(f"{self._source} cannot be read: {error}") from error
        return not self._ended


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has one key twice")
    return made
