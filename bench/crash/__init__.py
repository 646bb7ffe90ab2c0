"""Kill a loaded server again and again, and count what was lost or doubled."""
