"""What stands between an installation and the mailbox, looked at from here: settings, database, relay, DNS, pages.

Nothing is changed and nothing mailed. What the findings mean is judged in `digest.deliver`; here is what asks.
"""
