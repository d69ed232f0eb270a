"""The configuration files, as marshmallow schemas."""
