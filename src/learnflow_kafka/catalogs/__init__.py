"""
Catalogs that come with the package, as data.

`learnflow` is the built-in LearnFlow catalog with its schemas, `starter` what `learnflow init`
writes, `catalog.schema.json` the JSON Schema of the format for editors.
"""
