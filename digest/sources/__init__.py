"""Where dumps come from: a folder, files, standard input. An edge: it opens, it does not understand."""
