"""digest bench: ratios side by side in one run, for operators who size a machine, and for us."""
