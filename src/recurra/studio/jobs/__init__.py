"""Training and measuring, in processes of their own."""
