"""Parse and render Liquid on plain data, within limits."""
