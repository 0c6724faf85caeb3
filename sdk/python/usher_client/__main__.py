"""`python -m usher_client` is the command `usher-client`."""

from __future__ import annotations

import sys

from usher_client.command import main

sys.exit(main())
