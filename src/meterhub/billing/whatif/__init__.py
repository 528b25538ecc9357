"""A price list tried on a past year's use of everyone before it is decided."""
