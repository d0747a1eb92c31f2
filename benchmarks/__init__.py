"""Measurements of speed: `python -m benchmarks.speed`. What was found stands in NOTES.md."""
