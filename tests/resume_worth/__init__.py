"""What it is worth to resume: a later session, on another device, needs what an earlier one decided."""
