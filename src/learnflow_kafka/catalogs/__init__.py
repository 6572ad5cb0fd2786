"""Catalogs that come with the package, as data: the LearnFlow catalog and its schemas."""
