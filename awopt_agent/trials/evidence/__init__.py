"""What the records of trials say of the paper's claims, and the page of it."""
