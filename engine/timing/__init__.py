"""Everything that knows about time: clock, instants, durations, window rules, zones."""
