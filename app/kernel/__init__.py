"""What everything stands on: money, time, ids, errors, transactions, sealed values. Knows no domain and no HTTP."""
