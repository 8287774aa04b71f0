"""What a page sees: the forms, a model's cost, its text, its inside."""
