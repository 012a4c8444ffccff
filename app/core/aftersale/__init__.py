"""After the sale (售后): cases about lines of an order, and replacements offered for what a shop lacks."""
