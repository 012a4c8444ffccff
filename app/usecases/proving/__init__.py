"""Photos that prove something: taken in, shown to whom they concern, erased."""
