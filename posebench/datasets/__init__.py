"""Pictures with annotated people, and results files about them."""
