"""`segue bench`: what Segue costs, beside the floor under it and beside its peers, in one run."""
