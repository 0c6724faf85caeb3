"""Every column of every table: whether it is about somebody, how long it stays, what erases and what exports it.

A new table is declared here, in the file of its neighbours; a test holds the declarations against the schema
(tests/adapters/test_data_inventory.py), and `python -m tests.adapters.data_inventory_page` writes the documentation.
"""

from __future__ import annotations

from adapters.data_inventory.engine import ENGINE
from adapters.data_inventory.people import PEOPLE
from adapters.data_inventory.read_models import READ_MODELS
from adapters.data_inventory.signing_in import SIGNING_IN
from adapters.data_inventory.table import Erasing, Kept, Kind, Section, Table, table
from adapters.data_inventory.webhooks import WEBHOOKS

INVENTORY = (*PEOPLE, *SIGNING_IN, *WEBHOOKS, *READ_MODELS, *ENGINE)

__all__ = ["INVENTORY", "Erasing", "Kept", "Kind", "Section", "Table", "table"]
