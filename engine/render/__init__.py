"""Render the templates of steps, in this process or in one that may be killed."""
