"""Two results over the same pictures: what changed, by how much, and how sure that is."""
