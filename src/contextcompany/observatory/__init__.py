"""The place where runs go: receives, keeps, understands and shows them."""
