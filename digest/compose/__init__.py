"""From a selection to the bytes of a message: templates, fragments, MIME, signed links.

Pure but for `Templates.load`, which reads the folder it is given.
"""
