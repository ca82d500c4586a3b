"""Watches the services that a pipeline depends on and serves what is known of them and of the pipeline."""

from importlib.metadata import version

__version__ = version("pipeline-sidecar")
