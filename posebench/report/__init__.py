"""Tables, pictures and pages from Records. Pure but for the files that `files` writes."""
