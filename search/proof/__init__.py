"""The statistics of the certificate, and its verdict."""
