"""`python -m tests.webhook_examples` writes the examples of docs/outbound-webhooks.md anew."""

from tests.webhook_examples.examples import BEGIN, END, PAGE, section

if __name__ == "__main__":
    page = PAGE.read_text()
    PAGE.write_text(page[: page.index(BEGIN)] + section() + page[page.index(END) + len(END) :])
