"""Why AP is not higher: which errors there are, what each costs, what scores are worth."""
