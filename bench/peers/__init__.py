"""Other systems doing the same work; each script runs where its system is installed."""
