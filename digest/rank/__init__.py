"""Which papers for whom, and why: trend, topics, profile, selection with reasons. Pure."""
