"""One lifecycle for every task: a folder, a fingerprint, a split, a network, its training, what is shown of it."""
