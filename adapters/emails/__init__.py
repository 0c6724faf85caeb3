"""The mails: kinds and contexts (`kinds`), words (`words.yaml`), look (two templates), envelope."""
