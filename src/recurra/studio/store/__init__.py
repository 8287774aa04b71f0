"""What the studio keeps on disk: texts and runs, and the models in them."""
