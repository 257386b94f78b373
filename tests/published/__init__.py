"""Published defects of other products, each replayed against ours: whole, and with the same flaw put in."""
