"""Three invented days, the whole way on one machine: sample dumps, three readers, and the demo that runs on them.

`cast` says who reads and when, `folder` keeps the files, `postbox` is the SMTP server that the mails go to,
`show` runs the days, and `account` tells of them.
"""
