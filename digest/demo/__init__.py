"""Three invented days, the whole way on one machine: sample dumps, and the demo that runs on them."""
