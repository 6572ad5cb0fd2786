"""
Kafka as a platform's event backbone.

This module holds the version and nothing else, so that importing any part of the
package loads only that part's libraries.
"""

__version__ = "0.1.0"
