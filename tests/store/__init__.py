"""Tests of fsapp.store."""
