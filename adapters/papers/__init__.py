"""Invoices and credit notes as PDF: `words.yaml` has the words, `paper.typ` the look, `press.py` prints."""
