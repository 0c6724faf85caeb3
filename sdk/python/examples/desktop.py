"""A small desktop program with a floating licence: what its user sees of the seat.

USHER_URL=http://127.0.0.1:8000 USHER_LICENSE_KEY=CODI-… USHER_PRODUCT=coditect python desktop.py
"""

from __future__ import annotations

import os
import sys
import tkinter as tk
from functools import partial
from tkinter import ttk

from seat_desk import Desk

from usher_client import LicenseClient

EVERY = 100  # milliseconds between two looks for news
COLOURS = {"quiet": "#555555", "good": "#1a7f37", "warning": "#9a6700", "bad": "#cf222e"}
BUTTONS = {
    "take": "Take a seat",
    "give up": "Give up",
    "release": "Release",
    "ask": "Try again",
    "borrow": "Borrow for 3 days",
    "give back": "Give back",
}


class Window:
    """Everything in here runs in Tk's thread; `desk` brings the news there."""

    def __init__(self, root: tk.Tk, desk: Desk) -> None:
        self.root, self.desk, self._shown = root, desk, None
        root.title("My Program")
        root.protocol("WM_DELETE_WINDOW", self.close)
        frame = ttk.Frame(root, padding=24)
        frame.grid()
        self.headline = ttk.Label(frame, font=("TkDefaultFont", 20))
        self.detail = ttk.Label(frame, wraplength=380)
        self.headline.grid(sticky="w")
        self.detail.grid(sticky="w", pady=(4, 16))
        bar = ttk.Frame(frame)
        bar.grid(sticky="w")
        actions = {name: getattr(desk, name.replace(" ", "_")) for name in BUTTONS}
        self.buttons = {
            name: ttk.Button(bar, text=text, command=partial(self.press, actions[name]))
            for name, text in BUTTONS.items()
        }
        self.show()
        self._look()

    def press(self, action) -> None:
        action()
        self.show()

    def show(self) -> None:
        view = self.desk.view
        if view == self._shown:
            return
        self._shown = view
        self.headline.configure(text=view.headline, foreground=COLOURS[view.mood])
        self.detail.configure(text=view.detail)
        for column, (name, button) in enumerate(self.buttons.items()):
            if name in view.buttons:
                button.grid(row=0, column=column, padx=(0, 8))
            else:
                button.grid_remove()

    def close(self) -> None:
        self.desk.close()
        self.root.destroy()

    def _look(self) -> None:
        self.desk.take_events()
        self.show()
        self.root.after(EVERY, self._look)


def main() -> None:
    try:
        url, key = os.environ["USHER_URL"], os.environ["USHER_LICENSE_KEY"]
    except KeyError as missing:
        sys.exit(f"Set {missing} first.")
    product = os.environ.get("USHER_PRODUCT", "coditect")
    root = tk.Tk()
    Window(root, Desk(lambda on_change: LicenseClient(url, key, product=product, on_change=on_change)))
    root.mainloop()


if __name__ == "__main__":
    main()
