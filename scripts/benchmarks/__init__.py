"""The benchmark: Usher's figures, each beside a yardstick that is measured in the same run (docs/benchmarks.md)."""
