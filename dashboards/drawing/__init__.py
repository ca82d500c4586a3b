"""A picture of a dashboard: its layout and texts from its JSON, its data from a Prometheus that runs.

Not Grafana's rendering: for documents, and to see a change without a Grafana.
"""
