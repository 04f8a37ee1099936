"""digest: trending papers in your inbox, for you.

The way of a paper, left to right, and the package that walks each step::

    sources/ ─▶ ingest/ ─▶ store/ ─▶ rank/ ─▶ compose/ ─▶ deliver/ ─▶ relay/
      dump      paper      edition   selection  message     delivery    SMTP

Start reading at `digest.pipeline`: ingest -> publish -> plan -> deliver, one module each.
`digest.cli`, `digest.scheduler` and `digest.demo` call it; `digest.wiring` builds what it needs.
A reader's own way, from sign-up to erasing, is `digest.signup`; `digest.web` is its pages and the API.

The rule for edges: only `sources/`, `store/` and `relay/`, the files of `keyring`, the process of `signing` and what `doctor/` asks touch the outside. `ingest/`, `rank/`,
`compose/`, `deliver/` and `subscribers/` are pure: `now`, bytes and known state come in, values go out.
"""
