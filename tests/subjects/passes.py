"""Ends well."""
print("all is well")
