"""The sidecar's side of the spool: read what the workers wrote."""
