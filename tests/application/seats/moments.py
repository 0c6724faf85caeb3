"""What the stories of seats share."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.errors import SessionClosed

MOMENT = timedelta(seconds=5)


async def reason_of(asked) -> str:
    """Why a session has ended, as `asked` is told."""
    with pytest.raises(SessionClosed) as closed:
        await asked
    return str(closed.value.details["reason"])
