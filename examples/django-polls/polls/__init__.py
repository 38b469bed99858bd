"""Questions with choices, and what visitors voted for."""
