"""What developers run through ``dev.py``: one module per verb, and the small machines the verbs stand on."""
