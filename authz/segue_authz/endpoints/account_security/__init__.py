"""The person's page about how they sign in: passkeys, password, recovery codes, and what has happened to them.

Each change takes a sign-in of a moment ago, by the strongest way that the account has, and is told on the page.
"""
