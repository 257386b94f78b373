"""Admits a request only with a valid task token that is bound to the device it came from."""
