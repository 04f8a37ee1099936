"""Alembic migrations, one file a step, oldest first."""
