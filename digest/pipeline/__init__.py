"""The day in four steps: ingest -> publish -> plan -> deliver, one module each. Start reading here.

Each step opens its own transactions over the store and leaves everything durable; `now` comes in as an argument,
so that the command, the scheduler and a test that walks a year call the very same code.
"""
