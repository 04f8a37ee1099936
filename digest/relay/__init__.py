"""Hand messages over: SMTP, a folder, or memory for tests. Outcomes are replies, never exceptions."""
