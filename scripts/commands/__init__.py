"""The commands, by noun. What a command needs of the engine it imports when it runs: `--help` comes at once."""
