"""Instruments made of numbers, for development and tests."""
