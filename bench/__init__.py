"""Measure Tocsin against its rivals, and kill it on purpose; each a command with JSON output."""
