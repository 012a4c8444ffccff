"""What buyers say of shops and offers (评价), and what it comes to."""
