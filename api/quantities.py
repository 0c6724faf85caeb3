"""Quantities in requests and answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field, WithJsonSchema

Amount = Annotated[
    Decimal,
    Field(max_digits=24, decimal_places=6),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?\d{1,18}(\.\d{1,6})?$"}]}),
]
"""In a request: a number of up to 15 digits, or text with up to 24, six of them after the point."""
Quantity = int | float
"""In an answer."""
