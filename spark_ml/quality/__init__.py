"""Expectations on a model's input, checked before anything is trained, with a page that lists each."""
