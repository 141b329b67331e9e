"""Loops that write into arrays they are given; compiled, or interpreted for exact objects."""
