"""Measures what the middleware costs, beside what else does the same. Needs `segue[bench]` for the other libraries."""
