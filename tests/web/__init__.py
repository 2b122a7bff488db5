"""Tests of fsapp.web, over real HTTP where HTTP is what is shown."""
