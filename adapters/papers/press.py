"""Prints papers, as a process of its own: a document in on standard input, a PDF out on standard output.

Typesetting takes 60 MB, 150 with Chinese, Japanese or Korean fonts, and what it has once read it keeps: none of that
may stay in a process that answers requests. A message is its length in eight digits of hexadecimal, a newline, and so
many bytes; an answer begins with `+` and is a PDF, or with `-` and is a reason.

The same document makes the same bytes: fonts come from packages, times from the document.
"""

from __future__ import annotations

import json
import select
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import typst

from adapters.papers.fonts import folders
from adapters.papers.wording import Wording

IDLE = 30.0
"""Seconds without work after which the process ends."""
_MOST_PAPERS = 2_000
"""After so many it ends too: what typst remembers of each is little, but not nothing."""
_TEMPLATE = Path(__file__).with_name("paper.typ")
_ARCHIVE = ["a-3b"]


class Press:
    def __init__(self) -> None:
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders())
        self._compiler = typst.Compiler(str(_TEMPLATE), root=str(_TEMPLATE.parent), font_paths=fonts)

    def print(self, document: dict[str, Any]) -> bytes:
        """PDF/A-3b. Plain PDF for a paper with a character that no font has, an archive must not hold one; and without
        the logo where that cannot be drawn."""
        sheet, dated = Wording(document).sheet, datetime.fromisoformat(document["dated"])
        bare = {**sheet, "vendor": {**sheet["vendor"], "logo": None}}
        for content, standards in ((sheet, _ARCHIVE), (sheet, []), (bare, _ARCHIVE)):
            with suppress(typst.TypstError):
                return self._compiled(content, standards, int(dated.timestamp()))
        return self._compiled(bare, [], int(dated.timestamp()))

    def _compiled(self, sheet: dict[str, Any], standards: list[Any], timestamp: int) -> bytes:
        inputs = {"sheet": json.dumps(sheet, ensure_ascii=False)}
        compiled = self._compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=standards, timestamp=timestamp)
        assert isinstance(compiled, bytes)
        return compiled


def main(requests: BinaryIO, answers: BinaryIO) -> None:
    press = Press()
    for _ in range(_MOST_PAPERS):
        if not select.select([requests], [], [], IDLE)[0]:
            return
        header = requests.readline()
        if not header:
            return
        body = _exactly(requests, int(header, 16))
        try:
            answer = b"+" + press.print(json.loads(body))
        except Exception as error:  # one paper that cannot be printed is no reason not to print the next
            answer = b"-" + f"{type(error).__name__}: {error}".encode()
        answers.write(b"%08x\n" % len(answer) + answer)
        answers.flush()


def _exactly(requests: BinaryIO, length: int) -> bytes:
    """A pipe gives what it has, not what was asked for."""
    parts, left = [], length
    while left and (part := requests.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    with open(0, "rb", buffering=0) as requests:  # unbuffered: `select` sees nothing of what a buffer holds
        main(requests, sys.stdout.buffer)
