"""From bytes to papers: formats, clean text, identity, diff. Pure: opens nothing, knows no clock."""
