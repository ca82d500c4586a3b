"""Turns metric definitions into dashboards, recording rules and alerts."""
