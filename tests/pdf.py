"""What a PDF says, read by another program than the one that wrote it."""

from __future__ import annotations

import pypdfium2


def text_of(content: bytes) -> str:
    """The words of all pages, a page a paragraph."""
    document = pypdfium2.PdfDocument(content)
    try:
        return "\n\n".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()


def pages_of(content: bytes) -> int:
    document = pypdfium2.PdfDocument(content)
    try:
        return len(document)
    finally:
        document.close()
