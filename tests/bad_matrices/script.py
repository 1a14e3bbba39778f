"""What the matrices here name, so that a missing script is not what is wrong with them."""
