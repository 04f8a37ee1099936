"""All SQL. Functions take `conn` first, return frozen values, and never commit."""
