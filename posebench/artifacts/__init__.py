"""Exported networks on disk: read without trusting them. Imports no framework at its top."""
