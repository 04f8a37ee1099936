"""Run by Alembic: migrate over the connection that `digest.store.migrate` opened."""

from __future__ import annotations

from alembic import context

from digest.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Both engines roll DDL back, so a killed migration leaves the old schema and never one between (R19).
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
