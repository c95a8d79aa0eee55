"""The vocabulary that handlers, messengers, providers and storage share: frozen values, no I/O."""
