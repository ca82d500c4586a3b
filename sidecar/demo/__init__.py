"""The sidecar with a real pipeline beside it, on stand-ins for everything that costs money."""
