"""A delivery and its fate: statuses, what a reply means, when to try again. Pure."""
