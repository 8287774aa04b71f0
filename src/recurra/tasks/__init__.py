"""What Recurra is for: each task is a thin folder over data, nn, training and generation."""
