"""Pictures of everything that people see, for the documentation; see `specs/pages/README.md`."""
