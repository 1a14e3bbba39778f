"""An uncaught exception."""


def compute():
    raise ValueError("shapes (2, 3) and (4,) do not match")


compute()
