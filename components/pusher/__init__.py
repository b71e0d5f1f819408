"""Pusher: hands a blessed model on."""
