"""Where dumps come from: a folder, files, standard input, HTTP. An edge: it opens, it does not understand."""
